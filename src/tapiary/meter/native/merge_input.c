#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>
#include "bytes.h"
#include "merge_input.h"

#define SECOND 1000000000ull

#ifndef O_CLOEXEC
#define O_CLOEXEC 0
#endif

/* ---- files: many more than may be open at a time */

static void close_file(Input *s, Files *files) {
    if (s->file < 0) return;
    close(s->file);
    s->file = -1;
    files->open--;
}

static int close_oldest(Files *files) {
    Input *oldest = NULL;
    for (uint32_t i = 0; i < files->count; i++) {
        Input *s = &files->inputs[i];
        if (s->file >= 0 && (!oldest || s->used < oldest->used)) oldest = s;
    }
    if (!oldest) return 0;
    close_file(oldest, files);
    return 1;
}

static int open_file(Input *s, Files *files) {
    if (files->open >= files->most) close_oldest(files);
    do s->file = open(s->path, O_RDONLY | O_CLOEXEC);
    while (s->file < 0 && (errno == EINTR || ((errno == EMFILE || errno == ENFILE) && close_oldest(files))));
    if (s->file < 0) return 0;
    files->open++;
#ifdef POSIX_FADV_SEQUENTIAL
    posix_fadvise(s->file, 0, 0, POSIX_FADV_SEQUENTIAL);
#endif
    return 1;
}

uint8_t *input_room(Input *s, size_t buffer, size_t *room) {
    size_t left = s->end - s->start;
    if (s->start) memmove(s->data, s->data + s->start, left);
    s->start = 0;
    s->end = left;
    size_t wanted = s->need > buffer ? s->need : buffer;
    if (left >= wanted) wanted = left + buffer;
    if (s->room < wanted || s->room > 2 * wanted) {     /* what one long record took is given back after it */
        uint8_t *p = realloc(s->data, wanted);
        if (!p) return NULL;
        s->data = p;
        s->room = wanted;
    }
    *room = s->room - s->end;
    return s->data + s->end;
}

static InputResult fill(Input *s, Files *files) {
    if (!s->path) return INPUT_HUNGRY;
    size_t room;
    uint8_t *to = input_room(s, files->buffer, &room);
    if (!to) return INPUT_NO_MEMORY;
    if (s->file < 0 && !open_file(s, files)) return INPUT_READ_ERROR;
    s->used = ++files->reads;
    ssize_t n;
    do n = pread(s->file, to, room, (off_t)s->position);
    while (n < 0 && errno == EINTR);
    if (n < 0) return INPUT_READ_ERROR;
    if (n == 0) s->ended = 1;
    s->end += (size_t)n;
    s->position += (uint64_t)n;
    files->bytes += (uint64_t)n;
    return INPUT_FRAME;
}

/* ---- packets */

/* Time in nanoseconds, kept within what 64 bits hold: 1970 to 2554. */
static uint64_t frame_time(const Input *s) {
    const Reader *r = &s->reader;
    const uint8_t *record = s->frame.record;
    const Interface *one = &r->interfaces[s->frame.interface];
    if (r->format == FORMAT_PCAP) {
        uint64_t fraction = get32(record + 4, r->big);
        return get32(record, r->big) * SECOND + (one->units == 1000000 ? fraction * 1000 : fraction);
    }
    if (get32(record, r->big) == 3) return s->time;     /* simple packet blocks have none: that of the packet before */
    uint64_t stamp = (uint64_t)get32(record + 12, r->big) << 32 | get32(record + 16, r->big);
    if (one->offset_s == 0 && one->units == SECOND) return stamp;
    if (one->offset_s == 0 && one->units == 1000000 && stamp < UINT64_MAX / 1000) return stamp * 1000;
    __int128 time = one->units ? (__int128)stamp * SECOND / one->units : 0;
    time += (__int128)one->offset_s * SECOND;
    return time < 0 ? 0 : time > (__int128)UINT64_MAX ? UINT64_MAX : (uint64_t)time;
}

static int begins_as_a_capture(const uint8_t *data) {
    switch (be32(data)) {
    case 0xa1b2c3d4u: case 0xd4c3b2a1u: case 0xa1b23c4du: case 0x4d3cb2a1u: case 0x0a0d0d0au: return 1;
    default: return 0;
    }
}

static InputResult torn(Input *s, Tear tear) {
    s->tear = tear;
    s->tear_offset = s->reader.offset;
    return INPUT_END;
}

/* The reader found no header: an empty file has nothing to merge, one that breaks off inside its header neither. */
static InputResult no_header(Input *s) {
    size_t size = s->end - s->start;
    if (!size && s->ended) return INPUT_END;
    return size >= 4 && begins_as_a_capture(s->data + s->start) ? torn(s, TEAR_CUT) : INPUT_NO_CAPTURE;
}

static InputResult stopped(Input *s) {
    const uint64_t *anomalies = s->reader.anomalies;
    if (anomalies[A_bad_block]) return s->reader.offset ? torn(s, TEAR_BLOCK) : INPUT_NO_CAPTURE;
    if (anomalies[A_bad_record]) return torn(s, TEAR_RECORD);
    return anomalies[A_truncated_file] ? torn(s, TEAR_CUT) : INPUT_END;
}

InputResult input_next(Input *s, Files *files) {
    if (s->tear) return INPUT_END;
    if (!s->data) {
        InputResult first = fill(s, files);
        if (first != INPUT_FRAME) return first;
    }
    for (;;) {
        size_t used;
        s->called_at = s->reader.offset;
        ReadResult r = reader_next(&s->reader, s->data + s->start, s->end - s->start, s->ended, &used, &s->need, &s->frame);
        s->start += used;
        if (s->tear) return INPUT_END;      /* set while the reader told of an interface */
        switch (r) {
        case READ_FRAME:
            s->time = frame_time(s);
            return INPUT_FRAME;
        case READ_STOP: return stopped(s);
        case READ_NO_CAPTURE: return no_header(s);
        case READ_NO_MEMORY: return INPUT_NO_MEMORY;
        case READ_MORE: break;
        }
        if (s->ended) return INPUT_END;
        InputResult more = fill(s, files);
        if (more != INPUT_FRAME) return more;
    }
}

void input_finish(Input *s, Files *files) {
    close_file(s, files);
    free(s->data);
    s->data = NULL;
    s->room = s->start = s->end = 0;
}

void input_free(Input *s, Files *files) {
    input_finish(s, files);
    reader_free(&s->reader);
    free(s->path);
    free(s->name);
    free(s->comment);
    free(s->ids);
}
