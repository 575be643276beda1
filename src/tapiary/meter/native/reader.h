/* Capture files: pcap and pcapng, cut into frames as their bytes arrive. */
#ifndef TAPIARY_READER_H
#define TAPIARY_READER_H
#include <stddef.h>
#include <stdint.h>
#include "names.h"

#define MAX_FRAME 0x1000000u        /* 16 MiB: far above tcpdump's 256 KiB, far below what would hurt memory */
#define MAX_BLOCK (MAX_FRAME + 0x10000u)    /* a pcapng packet block with its options */
#define MAX_INTERFACES 65536u       /* of one pcapng section: each costs memory */
#define MAX_TIME_US 253402300799999999LL    /* end of the year 9999: what dates can say */

typedef enum { FORMAT_UNKNOWN, FORMAT_PCAP, FORMAT_PCAPNG } Format;

typedef struct {
    uint64_t frame;         /* from 1 */
    uint64_t offset;        /* of its record or block in the stream */
    int64_t time;           /* microseconds since 1970 as the file says it, within [0, MAX_TIME_US] */
    const uint8_t *data;
    const uint8_t *record;  /* its whole record or block, header included, that data lies in */
    uint32_t captured, wire, link_type, interface;  /* interface: number within its section */
} Frame;

typedef struct {
    uint64_t units;         /* a second, in timestamp units */
    int64_t offset_s;
    uint32_t link_type, snaplen;
} Interface;

typedef struct {
    Format format;
    int big, stopped;
    Interface *interfaces;
    uint32_t interface_count, interface_room;
    uint64_t frames, offset, skip;  /* skip: bytes of a block still to be passed over */
    int64_t last_time;
    uint64_t anomalies[A_COUNT];
    void *context;          /* for on_context */
    void (*on_context)(void *context, uint64_t offset); /* a pcapng block that a cut must carry along */
} Reader;

typedef enum { READ_FRAME, READ_MORE, READ_STOP, READ_NO_CAPTURE, READ_NO_MEMORY } ReadResult;

/* Takes the next frame out of data[0..size); *used tells how many bytes were consumed (also with READ_MORE).
   last: no bytes follow. need: with READ_MORE, how many bytes the next record takes, if known. */
ReadResult reader_next(Reader *r, const uint8_t *data, size_t size, int last, size_t *used, size_t *need, Frame *out);
void reader_free(Reader *r);

#endif
