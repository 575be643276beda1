/* Unaligned loads. */
#ifndef TAPIARY_BYTES_H
#define TAPIARY_BYTES_H
#include <stdint.h>
#include <string.h>

#define LIKELY(x) __builtin_expect(!!(x), 1)
#define UNLIKELY(x) __builtin_expect(!!(x), 0)

static inline uint16_t be16(const uint8_t *p) { return (uint16_t)(p[0] << 8 | p[1]); }
static inline uint32_t be32(const uint8_t *p) {
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}
static inline uint16_t le16(const uint8_t *p) { return (uint16_t)(p[1] << 8 | p[0]); }
static inline uint32_t le32(const uint8_t *p) {
    return (uint32_t)p[3] << 24 | (uint32_t)p[2] << 16 | (uint32_t)p[1] << 8 | p[0];
}
static inline uint16_t get16(const uint8_t *p, int big) { return big ? be16(p) : le16(p); }
static inline uint32_t get32(const uint8_t *p, int big) { return big ? be32(p) : le32(p); }
static inline uint64_t get64(const uint8_t *p, int big) {
    return big ? (uint64_t)be32(p) << 32 | be32(p + 4) : (uint64_t)le32(p + 4) << 32 | le32(p);
}
static inline uint16_t raw16(const void *p) { uint16_t v; memcpy(&v, p, sizeof v); return v; }
static inline uint32_t raw32(const void *p) { uint32_t v; memcpy(&v, p, sizeof v); return v; }
static inline uint64_t raw64(const void *p) { uint64_t v; memcpy(&v, p, sizeof v); return v; }

/* Unsigned LEB128; at most 10 bytes. Returns the number of bytes written. */
static inline uint32_t leb128(uint8_t *out, uint64_t v) {
    uint32_t n = 0;
    while (v >= 0x80) { out[n++] = (uint8_t)(v | 0x80); v >>= 7; }
    out[n++] = (uint8_t)v;
    return n;
}
#endif
