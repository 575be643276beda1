/* The smallest head goes first, equal times in the order of the sources, and no source is reordered in itself: what
   mergecap does, but for equal times, where it takes the last source first. */
#include <errno.h>
#include <stdlib.h>
#include "bytes.h"
#include "merge_input.h"
#include "merge_writer.h"

#define NONE 0xffffffffu
#define OPTION_BYTES 0xffe0u    /* most of a packet's options that are kept: with the largest packet it is no larger than MAX_BLOCK */

typedef struct { uint64_t time; uint32_t source; } Head;

struct Merge {
    Files files;
    Writer writer;
    uint32_t added, room;
    uint32_t begun;             /* sources whose first packet was looked for */
    uint32_t pending;           /* the source whose next packet is looked for, or NONE */
    uint32_t at;                /* of a status */
    Head *heap;
    uint32_t heap_size;
    int opened, no_memory;
};

static Text text_of(const char *data, size_t size) { return (Text){(const uint8_t *)data, size}; }

/* ---- interfaces and other blocks that packets need */

static int remember(Input *s, uint32_t id) {
    if (s->id_count == s->id_room) {
        uint32_t more = s->id_room ? s->id_room * 2 : 4;
        uint32_t *p = realloc(s->ids, more * sizeof *p);
        if (!p) return 0;
        s->ids = p;
        s->id_room = more;
    }
    s->ids[s->id_count++] = id;
    if (s->id_count > s->id_known) s->id_known = s->id_count;
    return 1;
}

static void add_interface(Input *s, uint32_t link_type, uint32_t snaplen, Text own_name, Text own_description) {
    Merge *m = s->merge;
    if (s->tear) return;
    /* The same interface in a later section of its file, or in the segment that goes on with its file, is the same one. */
    const Input *known = s;
    while (known->continues && s->id_count >= known->id_known && known > m->files.inputs) known--;
    int64_t likely = s->id_count < known->id_known ? (int64_t)known->ids[s->id_count] : -1;
    Text description = s->comment_size ? text_of(s->comment, s->comment_size) : own_description;
    int64_t id = writer_interface(&m->writer, link_type, snaplen, text_of(s->name, s->name_size), own_name, description, likely);
    if (id < 0) {               /* or the writer failed, which it knows itself */
        s->tear = TEAR_INTERFACES;
        s->tear_offset = s->reader.offset;
    } else if (!remember(s, (uint32_t)id)) m->no_memory = 1;
}

static void add_described(Input *s, const uint8_t *body, uint32_t size, int big) {
    Text name = {body, 0}, description = {body, 0};
    for (uint32_t at = 8; at + 4 <= size;) {
        uint32_t code = get16(body + at, big), length = get16(body + at + 2, big);
        at += 4;
        if (code == 0 || length > size - at) break;
        if (code == 2) name = (Text){body + at, length};
        else if (code == 3) description = (Text){body + at, length};
        at += (length + 3) & ~3u;
    }
    while (name.size && !name.data[name.size - 1]) name.size--;     /* some writers end names with a zero byte */
    while (description.size && !description.data[description.size - 1]) description.size--;
    add_interface(s, get16(body, big), get32(body + 4, big), name, description);
}

/* The reader met a section, an interface, names or secrets, whole in the buffer unless longer than MAX_BLOCK. */
static void on_context(void *context, uint64_t offset) {
    Input *s = context;
    const uint8_t *block = s->data + s->start + (offset - s->called_at);
    size_t there = (size_t)(s->data + s->end - block);
    int big = s->reader.big;
    uint32_t type = get32(block, big), length = get32(block + 4, big);
    if (raw32(block) == 0x0a0d0d0a) s->id_count = 0;
    if (length > there || length < 20) return;
    if (type == 1) add_described(s, block + 8, length - 12, big);
    /* Secrets and names are copied as they are; those of the other byte order would have to be understood. */
    else if ((type == 4 || type == 10) && raw32(block) == type) {
        uint8_t *to = writer_block(&s->merge->writer, length);
        if (to) memcpy(to, block, length);
    }
}

/* ---- packets */

/* Copies a packet block's comments, flags and drop count; returns the bytes written to `to`, NULL: only counts them. */
static size_t copy_options(uint8_t *to, const uint8_t *at, size_t size, int big) {
    size_t n = 0;
    while (size >= 4) {
        uint32_t code = get16(at, big), length = get16(at + 2, big);
        size_t padded = ((size_t)length + 3) & ~(size_t)3;
        at += 4;
        size -= 4;
        if (code == 0 || padded > size) break;
        if ((code == 1 || (code == 2 && length == 4) || (code == 4 && length == 8)) && n + 8 + padded <= OPTION_BYTES) {
            if (to) {
                uint8_t *p = put16(put16(to + n, code), length);
                if (code == 2) put32(p, get32(at, big));
                else if (code == 4) {
                    uint64_t drops = get64(at, big);
                    memcpy(p, &drops, 8);
                } else {
                    memcpy(p, at, length);
                    memset(p + length, 0, padded - length);
                }
            }
            n += 4 + padded;
        }
        at += padded;
        size -= padded;
    }
    if (n && to) put32(to + n, 0);
    return n ? n + 4 : 0;
}

static int write_packet(Merge *m, const Input *s) {
    const Frame *f = &s->frame;
    size_t padded = ((size_t)f->captured + 3) & ~(size_t)3, options = 0, left = 0;
    const uint8_t *behind = NULL;
    int big = s->reader.big;
    if (s->reader.format == FORMAT_PCAPNG && get32(f->record, big) != 3) {
        behind = f->data + padded;      /* blocks are whole words: padding is always there */
        left = get32(f->record + 4, big) - 4 - (size_t)(behind - f->record);
        if (UNLIKELY(left > 0)) options = copy_options(NULL, behind, left, big);
    }
    size_t length = 32 + padded + options;
    uint8_t *p = writer_block(&m->writer, length);
    if (!p) return 0;
    p = put32(put32(p, 6), (uint32_t)length);
    p = put32(put32(put32(p, s->ids[f->interface]), (uint32_t)(s->time >> 32)), (uint32_t)s->time);
    p = put32(put32(p, f->captured), f->wire);
    memcpy(p, f->data, f->captured);
    memset(p + f->captured, 0, padded - f->captured);
    p += padded;
    if (options) copy_options(p, behind, left, big);
    put32(p + options, (uint32_t)length);
    m->writer.packets++;
    return 1;
}

/* ---- the heap of heads */

static int before(Head a, Head b) { return a.time < b.time || (a.time == b.time && a.source < b.source); }

static void sift_down(Merge *m, uint32_t at) {
    Head *heap = m->heap, moved = heap[at];
    for (;;) {
        uint32_t child = 2 * at + 1;
        if (child >= m->heap_size) break;
        if (child + 1 < m->heap_size && before(heap[child + 1], heap[child])) child++;
        if (!before(heap[child], moved)) break;
        heap[at] = heap[child];
        at = child;
    }
    heap[at] = moved;
}

/* ---- the door */

Merge *merge_new(int out, uint32_t sources, size_t buffer, uint32_t files) {
    Merge *m = calloc(1, sizeof *m);
    if (!m) return NULL;
    m->room = sources;
    m->pending = NONE;
    writer_init(&m->writer, out);
    m->files.most = files ? files : 1;
    m->files.buffer = buffer ? buffer : 1;
    m->files.inputs = calloc(sources ? sources : 1, sizeof *m->files.inputs);
    m->heap = calloc(sources ? sources : 1, sizeof *m->heap);
    if (m->files.inputs && m->heap) return m;
    merge_free(m);
    return NULL;
}

static char *copy_of(const char *data, size_t size) {
    char *copy = malloc(size + 1);
    if (!copy) return NULL;
    memcpy(copy, data, size);
    copy[size] = 0;
    return copy;
}

int merge_add(Merge *m, const MergeOrder *order) {
    if (m->added == m->room) return 0;
    Input *s = &m->files.inputs[m->added++];
    m->files.count = m->added;
    s->file = -1;
    s->merge = m;
    s->reader.context = s;
    s->reader.on_context = on_context;
    s->continues = order->continues;
    s->name_size = order->name_size;
    s->comment_size = order->comment_size;
    s->name = copy_of(order->name, order->name_size);
    s->comment = copy_of(order->comment, order->comment_size);
    s->path = order->path ? copy_of(order->path, strlen(order->path)) : NULL;
    return s->name && s->comment && (s->path || !order->path);
}

static MergeStatus write_error(Merge *m) {
    errno = m->writer.error;
    return errno == ENOMEM ? MERGE_NO_MEMORY : MERGE_WRITE_ERROR;
}

/* Looks for the next packet of a source: MERGE_MORE when it has one or is at its end, *some telling which. */
static MergeStatus next_of(Merge *m, uint32_t number, int *some) {
    Input *s = &m->files.inputs[number];
    Format before_it = s->reader.format;
    m->at = number;
    InputResult r = input_next(s, &m->files);
    if (before_it == FORMAT_UNKNOWN && s->reader.format == FORMAT_PCAP)
        add_interface(s, s->reader.interfaces->link_type, s->reader.interfaces->snaplen, text_of("", 0), text_of("", 0));
    if (m->no_memory) return MERGE_NO_MEMORY;
    if (m->writer.error) return write_error(m);
    *some = r == INPUT_FRAME && !s->tear;
    switch (r) {
    case INPUT_HUNGRY: return MERGE_HUNGRY;
    case INPUT_NO_CAPTURE: return MERGE_NO_CAPTURE;
    case INPUT_READ_ERROR: return MERGE_READ_ERROR;
    case INPUT_NO_MEMORY: return MERGE_NO_MEMORY;
    default: break;
    }
    if (!*some) input_finish(s, &m->files);
    return MERGE_MORE;
}

MergeStatus merge_step(Merge *m, uint64_t bytes) {
    uint64_t until = m->writer.written + bytes;
    MergeStatus status;
    int some;
    if (!m->opened && !writer_section(&m->writer)) return write_error(m);
    m->opened = 1;
    while (m->begun < m->added) {       /* all interfaces that are known now stand before the first packet */
        status = next_of(m, m->begun, &some);
        if (status != MERGE_MORE) return status;
        if (some) m->heap[m->heap_size++] = (Head){m->files.inputs[m->begun].time, m->begun};
        if (++m->begun == m->added) for (uint32_t i = m->heap_size / 2; i--;) sift_down(m, i);
        if (m->begun % 16 == 0) return MERGE_MORE;
    }
    while (m->heap_size) {
        if (m->pending != NONE) {
            status = next_of(m, m->pending, &some);
            if (status != MERGE_MORE) return status;
            m->pending = NONE;
            if (some) m->heap[0].time = m->files.inputs[m->at].time;
            else m->heap[0] = m->heap[--m->heap_size];
            sift_down(m, 0);
            continue;
        }
        if (m->writer.written >= until) return MERGE_MORE;
        if (!write_packet(m, &m->files.inputs[m->heap[0].source])) return write_error(m);
        m->pending = m->heap[0].source;
    }
    return writer_flush(&m->writer) ? MERGE_DONE : write_error(m);
}

uint32_t merge_at(const Merge *m) { return m->at; }

uint8_t *merge_room(Merge *m, uint32_t source, size_t *room) {
    return input_room(&m->files.inputs[source], m->files.buffer, room);
}

void merge_fed(Merge *m, uint32_t source, size_t n) {
    Input *s = &m->files.inputs[source];
    s->end += n;
    if (!n) s->ended = 1;
}

uint64_t merge_packets(const Merge *m) { return m->writer.packets; }
uint64_t merge_written(const Merge *m) { return m->writer.written; }
uint64_t merge_read(const Merge *m) { return m->files.bytes; }

Tear merge_tear(const Merge *m, uint32_t source, uint64_t *offset) {
    *offset = m->files.inputs[source].tear_offset;
    return m->files.inputs[source].tear;
}

void merge_free(Merge *m) {
    if (!m) return;
    for (uint32_t i = 0; i < m->added; i++) input_free(&m->files.inputs[i], &m->files);
    free(m->files.inputs);
    free(m->heap);
    writer_free(&m->writer);
    free(m);
}
