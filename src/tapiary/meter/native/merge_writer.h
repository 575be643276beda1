/* The pcapng that a merge writes: one section, in this machine's byte order, times in nanoseconds. */
#ifndef TAPIARY_MERGE_WRITER_H
#define TAPIARY_MERGE_WRITER_H
#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef struct { uint8_t *block; uint32_t size; } Described;

/* One buffer is filled while a thread writes the other: most of the time is the kernel's, spent on new pages. */
typedef struct { uint8_t *data; size_t size, room; } Buffer;

typedef struct {
    int file, error;            /* error: errno of a write that failed, ENOMEM where memory did */
    Buffer filling;
    uint64_t packets, written;  /* written: what stands in the buffers too */
    Described *interfaces;
    uint32_t interface_count, interface_room;

    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    int started, stopping;      /* started: at the first full buffer */
    Buffer leaving;             /* what the thread writes; it is done when its size is 0 */
    int failed;                 /* errno of the thread's write */
    uint64_t out, begun;        /* given to the file; given to the disk */
} Writer;

void writer_init(Writer *w, int file);
/* Bytes to write a block of n to, NULL when the writer failed; they count as written. */
uint8_t *writer_block(Writer *w, size_t n);
int writer_section(Writer *w);
typedef struct { const uint8_t *data; size_t size; } Text;     /* need not be valid UTF-8 */
/* Describes an interface; its name is made of both, joined by ':'. likely: the number of one that it may be again, or -1.
   Returns its number, or -1 when there are MAX_INTERFACES already or the writer failed. */
int64_t writer_interface(Writer *w, uint32_t link_type, uint32_t snaplen, Text name, Text own_name, Text description, int64_t likely);
int writer_flush(Writer *w);
void writer_free(Writer *w);

static inline uint8_t *put16(uint8_t *p, uint32_t v) {
    uint16_t half = (uint16_t)v;
    memcpy(p, &half, 2);
    return p + 2;
}
static inline uint8_t *put32(uint8_t *p, uint32_t v) {
    memcpy(p, &v, 4);
    return p + 4;
}

#endif
