/* One capture on its way into a merge: its bytes, cut into packets with times to the nanosecond. */
#ifndef TAPIARY_MERGE_INPUT_H
#define TAPIARY_MERGE_INPUT_H
#include "merge.h"
#include "reader.h"

typedef struct Input {
    char *path, *name, *comment;    /* path NULL: fed */
    size_t name_size, comment_size;
    int continues;

    int file, ended;                /* file: -1 while closed; ended: no bytes follow those in the buffer */
    uint64_t position, used;        /* of the next byte to read; when the file was read last, in reads of all files */
    uint8_t *data;
    size_t room, start, end, need;  /* need: bytes of the next record, where they are known and not there yet */

    Reader reader;
    uint64_t called_at;             /* offset in the stream of data[start] when the reader was called */
    Frame frame;
    uint64_t time;                  /* of the frame, or of the last that had one: nanoseconds since 1970 */
    Tear tear;
    uint64_t tear_offset;

    uint32_t *ids;                  /* the output's interface for each of this section's, then for those of sections before */
    uint32_t id_count, id_known, id_room;
    struct Merge *merge;
} Input;

typedef struct {
    Input *inputs;
    uint32_t count, open, most;
    size_t buffer;
    uint64_t reads, bytes;
} Files;

typedef enum { INPUT_FRAME, INPUT_END, INPUT_HUNGRY, INPUT_NO_CAPTURE, INPUT_READ_ERROR, INPUT_NO_MEMORY } InputResult;

InputResult input_next(Input *s, Files *files);
/* Room for the bytes that come next, NULL without memory. */
uint8_t *input_room(Input *s, size_t buffer, size_t *room);
/* Stops reading; its memory but for the interfaces is given back. */
void input_finish(Input *s, Files *files);
void input_free(Input *s, Files *files);

#endif
