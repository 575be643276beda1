/* What the fuzzing of all parts of the core shares. */
#ifndef TAPIARY_FUZZ_H
#define TAPIARY_FUZZ_H
#include <stddef.h>
#include <stdint.h>

typedef struct { uint8_t *data; size_t size; uint32_t link_type; } Seed;

uint32_t dice(uint32_t sides);
_Noreturn void die(const char *why);
void ignore_context(void *context, uint64_t offset);
uint8_t *slurp(const char *path, size_t *size);
/* A changed copy of a seed in memory of exactly its size. */
uint8_t *mutate(const Seed *from, const Seed *other, size_t *size);
void fuzz_merge(uint32_t times, int files, char **paths);

#endif
