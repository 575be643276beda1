#include "bytes.h"
#include "cut.h"

int64_t cut_stretch(const uint8_t *data, size_t size, const uint32_t *wanted, size_t count, int pcapng, int *big, uint8_t *out,
                    size_t *used) {
    size_t at = 0, next = 0;
    int64_t n = 0;
    for (uint32_t frame = 0; next < count;) {
        size_t length;
        int keep = 0, packet = 1;
        if (pcapng) {
            if (size - at < 12) return -1;
            uint32_t type = raw32(data + at);
            if (type == 0x0a0d0d0a) *big = be32(data + at + 8) == 0x1a2b3c4d;
            type = get32(data + at, *big);
            length = get32(data + at + 4, *big);
            if (length < 12) return -1;
            packet = type == 2 || type == 3 || type == 6;
            keep = type == 0x0a0d0d0a || type == 1 || type == 4 || type == 10;
        } else {
            if (size - at < 16) return -1;
            length = 16 + (size_t)get32(data + at + 8, *big);
        }
        if (length > size - at) return -1;
        if (packet) {
            keep = frame == wanted[next];
            next += (size_t)keep;
            frame++;
        }
        if (keep) {
            memcpy(out + n, data + at, length);
            n += (int64_t)length;
        }
        at += length;
    }
    *used = at;
    return n;
}
