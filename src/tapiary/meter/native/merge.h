/* Captures merged by time into one pcapng: the k-way merge behind one door, which reads and writes files itself. */
#ifndef TAPIARY_MERGE_H
#define TAPIARY_MERGE_H
#include <stddef.h>
#include <stdint.h>

#define MERGE_NAME 200u             /* bytes of an interface's name that are kept: readers show it in a column */
#define MERGE_DESCRIPTION 4096u     /* bytes of an interface's description */

typedef enum {
    MERGE_MORE,         /* call again */
    MERGE_HUNGRY,       /* source merge_at() wants bytes: merge_room, merge_fed, and call again */
    MERGE_DONE,
    MERGE_NO_CAPTURE, MERGE_READ_ERROR,     /* of source merge_at(); errno tells the second */
    MERGE_WRITE_ERROR,  /* errno */
    MERGE_NO_MEMORY
} MergeStatus;

/* Why a source ended before its file did; offset is of the stream, unpacked. */
typedef enum { TEAR_NONE, TEAR_CUT, TEAR_RECORD, TEAR_BLOCK, TEAR_INTERFACES } Tear;

typedef struct {
    const char *path;           /* NULL: its bytes are fed */
    const char *name, *comment; /* UTF-8 */
    size_t name_size, comment_size;
    int continues;              /* the segment after the source before it: what their interfaces share is one interface */
} MergeOrder;

typedef struct Merge Merge;

/* Writes to the descriptor out, which stays the caller's. buffer: bytes of a source's buffer, files: most to be open. */
Merge *merge_new(int out, uint32_t sources, size_t buffer, uint32_t files);
int merge_add(Merge *m, const MergeOrder *order);      /* 0: no memory */
MergeStatus merge_step(Merge *m, uint64_t bytes);       /* writes about so many bytes, unless it ends before */
uint32_t merge_at(const Merge *m);
uint8_t *merge_room(Merge *m, uint32_t source, size_t *room);
void merge_fed(Merge *m, uint32_t source, size_t n);    /* 0: its end */
uint64_t merge_packets(const Merge *m);
uint64_t merge_written(const Merge *m);
uint64_t merge_read(const Merge *m);                    /* bytes of the sources that are files */
Tear merge_tear(const Merge *m, uint32_t source, uint64_t *offset);
void merge_free(Merge *m);

#endif
