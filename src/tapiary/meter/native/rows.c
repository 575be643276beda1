#include <stdlib.h>
#include <string.h>
#include "rows.h"

_Static_assert(sizeof(void *) == 8, "64-bit platforms only");

#define KIND(type) _Generic((type)0, int16_t: 'h', int32_t: 'i', int64_t: 'q', uint32_t: 'I', double: 'd')
const ColumnInfo COLUMN_INFO[] = {
#define INFO(type, name) {#name, KIND(type), offsetof(Batch, name), 0},
    CORE_COLUMNS(INFO)
#undef INFO
#define INFO(type, name) {#name, KIND(type), offsetof(Batch, name), GROUP_FLAGS},
    FLAG_COLUMNS(INFO)
#undef INFO
#define INFO(type, name) {#name, KIND(type), offsetof(Batch, name), GROUP_SIZES},
    SIZE_COLUMNS(INFO)
#undef INFO
#define INFO(type, name) {#name, KIND(type), offsetof(Batch, name), GROUP_TIMES},
    TIME_COLUMNS(INFO)
#undef INFO
#define INFO(name) {#name, 'b', offsetof(Batch, name), 0},
    VALID_COLUMNS(INFO)
#undef INFO
    {NULL, 0, 0, 0},
};

static size_t kind_size(char kind) { return kind == 'h' ? 2 : kind == 'i' || kind == 'I' ? 4 : 8; }

Batch *batch_new(uint32_t groups) {
    Batch *b = calloc(1, sizeof *b);
    if (!b) return NULL;
    int ok = 1;
    for (const ColumnInfo *c = COLUMN_INFO; c->name; c++) {
        if (c->group && !(c->group & groups)) continue;
        void *p = c->kind == 'b' ? calloc(1, BATCH_ROWS / 8) : malloc(BATCH_ROWS * kind_size(c->kind));
        memcpy((char *)b + c->member, &p, sizeof p);
        ok &= p != NULL;
    }
    ok &= (b->client_ip = malloc(16 * BATCH_ROWS)) != NULL;
    ok &= (b->server_ip = malloc(16 * BATCH_ROWS)) != NULL;
    for (int i = 0; i < S_COUNT; i++) {
        ok &= (b->strings[i].offsets = calloc(BATCH_ROWS + 1, 4)) != NULL;
        ok &= (b->strings[i].valid = calloc(1, BATCH_ROWS / 8)) != NULL;
    }
    if (groups & GROUP_SEQUENCE) ok &= (b->sequence_offsets = calloc(BATCH_ROWS + 1, 4)) != NULL;
    if (ok) return b;
    batch_free(b);
    return NULL;
}

void batch_free(Batch *b) {
    if (!b) return;
    for (const ColumnInfo *c = COLUMN_INFO; c->name; c++) {
        void *p;
        memcpy(&p, (char *)b + c->member, sizeof p);
        free(p);
    }
    free(b->client_ip);
    free(b->server_ip);
    for (int i = 0; i < S_COUNT; i++) {
        free(b->strings[i].offsets);
        free(b->strings[i].valid);
        free(b->strings[i].data);
    }
    free(b->sequence_offsets);
    free(b->packet_sizes);
    free(b->packet_times);
    free(b);
}

static int grow(void **data, size_t *room, size_t needed, size_t item) {
    if (needed <= *room) return 1;
    size_t more = *room ? *room * 2 : 4096;
    while (more < needed) more *= 2;
    void *p = realloc(*data, more * item);
    if (!p) return 0;
    *data = p;
    *room = more;
    return 1;
}

int batch_string(StringColumn *c, uint32_t row, const char *text, uint32_t size) {
    if (size) {
        if (!grow((void **)&c->data, &c->room, c->size + size, 1)) return 0;
        memcpy(c->data + c->size, text, size);
        c->size += size;
        c->valid[row >> 3] |= (uint8_t)(1u << (row & 7));
    }
    c->offsets[row + 1] = (int32_t)c->size;
    return 1;
}

int batch_sequence(Batch *b, const int32_t *sizes, const int32_t *times, uint32_t n) {
    size_t room = b->sequence_room;
    if (!grow((void **)&b->packet_sizes, &room, b->sequence_size + n, 4)) return 0;
    if (!grow((void **)&b->packet_times, &b->sequence_room, b->sequence_size + n, 4)) return 0;
    memcpy(b->packet_sizes + b->sequence_size, sizes, 4 * (size_t)n);
    memcpy(b->packet_times + b->sequence_size, times, 4 * (size_t)n);
    b->sequence_size += n;
    b->sequence_offsets[b->rows + 1] = (int32_t)b->sequence_size;
    return 1;
}

IndexRows *index_rows_new(void) { return calloc(1, sizeof(IndexRows)); }

void index_rows_free(IndexRows *r) {
    if (!r) return;
    free(r->flow_id);
    free(r->first_frame);
    free(r->frame_count);
    free(r->offsets);
    free(r->data);
    free(r);
}

uint8_t *index_rows_add(IndexRows *r, int64_t flow_id, int64_t first_frame, uint32_t count, size_t size) {
    if (r->size + size > INT32_MAX) return NULL;    /* what Arrow's offsets hold */
    if (r->rows == r->room) {
        size_t more = r->room ? r->room * 2u : 1024;
        int64_t *ids = realloc(r->flow_id, more * 8);
        if (ids) r->flow_id = ids;
        int64_t *firsts = realloc(r->first_frame, more * 8);
        if (firsts) r->first_frame = firsts;
        int32_t *counts = realloc(r->frame_count, more * 4);
        if (counts) r->frame_count = counts;
        int32_t *offsets = realloc(r->offsets, (more + 1) * 4);
        if (offsets) r->offsets = offsets;
        if (!ids || !firsts || !counts || !offsets) return NULL;
        r->offsets[0] = 0;
        r->room = (uint32_t)more;
    }
    if (!grow((void **)&r->data, &r->data_room, r->size + size + 1, 1)) return NULL;   /* never NULL for no bytes */
    uint8_t *at = r->data + r->size;
    r->flow_id[r->rows] = flow_id;
    r->first_frame[r->rows] = first_frame;
    r->frame_count[r->rows] = (int32_t)count;
    r->size += size;
    r->offsets[++r->rows] = (int32_t)r->size;
    return at;
}
