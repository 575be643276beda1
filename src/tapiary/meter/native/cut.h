/* Picks records out of a stretch of a capture that begins with a known frame. */
#ifndef TAPIARY_CUT_H
#define TAPIARY_CUT_H
#include <stddef.h>
#include <stdint.h>

/* Copies the wanted frames (numbers from 0 within the stretch, ascending) to out, which has room for size bytes;
   of pcapng also the blocks that carry context (sections, interfaces, names, secrets), *big following the sections.
   *used: bytes
   of the stretch up to the end of the last wanted frame. Returns the bytes written, or -1 when the stretch ends or breaks before the last wanted frame. */
int64_t cut_stretch(const uint8_t *data, size_t size, const uint32_t *wanted, size_t count, int pcapng, int *big, uint8_t *out,
                    size_t *used);

#endif
