#include <math.h>
#include <stdlib.h>
#include "bytes.h"
#include "table.h"

#define CHUNK_FLOWS 1024u           /* records are never moved: chunks of this many */
#define NO_FLOW 0xffffffffu
#define PIPELINE 32u                /* packets whose slots and records are fetched ahead */
#define INDEX_INLINE 24u
#define INDEX_NODE 124u             /* with its link 128 bytes: two cache lines */
#define INDEX_ROW_BYTES (32u << 10) /* a long flow's index is written out in rows of this size, so memory stays bounded */
#define INDEX_ROWS_FULL (4u << 20)  /* bytes of index that go out together */

enum { DISSECTING, LABELLED, FREE };
enum { FIN_CLIENT = 1, FIN_SERVER = 2, RESET = 4 };

typedef struct { uint32_t next; uint8_t bytes[INDEX_NODE]; } IndexNode;

typedef struct {
    /* found by, and what the sweep reads */
    uint64_t key[5], hash;
    int64_t last;
    void *ndpi;
    /* counted for each packet; [0] client to server */
    uint64_t packets[2], wire_bytes[2], ip_bytes[2], payload_bytes[2];
    int64_t first, last_way[2];
    uint64_t last_frame;
    uint32_t next_seq[2], retransmissions[2];
    uint8_t tcp_flags[2], seq_known[2];
    uint8_t state, reversed, tcp_end, dissected;
    uint32_t index_size, index_count;           /* of the row being built */
    uint32_t index_first, index_last;           /* nodes behind the inline bytes; NO_FLOW: none */
    uint8_t index_inline[INDEX_INLINE];
    /* told once */
    int64_t first_server;
    uint64_t flow_id, row_frame;
    int64_t macs[2];                            /* -1: none */
    uint32_t tunnels, next_free;
    Label label;
} Flow;

typedef struct { uint32_t packets[2][8]; } Flags;
typedef struct { uint32_t min, max; uint64_t squares_low, squares_high; } SizeSums;     /* of one way */
typedef struct { int64_t min, max; uint64_t squares_low, squares_high; } GapSums;

typedef struct { uint32_t tag, flow; } Slot;    /* flow: number + 1; 0: empty */

struct Table {
    TableSettings settings;
    const Ndpi *ndpi;
    void *dissector;
    Deliver deliver;
    void *context;
    Slot *slots;
    uint32_t mask, used;
    char **chunks;
    uint32_t chunk_count, chunk_room, top, free_list, hand;
    size_t stride, flags_at, sizes_at, gaps_at, sequence_at;
    IndexNode **node_chunks;
    uint32_t node_chunk_count, node_chunk_room, node_top, node_free;
    void **ndpi_pool;
    uint32_t ndpi_pooled, ndpi_room;
    Batch *batch;
    IndexRows *rows;
    uint64_t flows, dissections;
    int failed;
};

static inline Flow *flow_at(const Table *t, uint32_t i) {
    return (Flow *)(t->chunks[i / CHUNK_FLOWS] + (size_t)(i % CHUNK_FLOWS) * t->stride);
}
static inline IndexNode *node_at(const Table *t, uint32_t i) { return &t->node_chunks[i / CHUNK_FLOWS][i % CHUNK_FLOWS]; }
static inline void *part(Flow *f, size_t at) { return (char *)f + at; }

Table *table_new(const TableSettings *settings, const Ndpi *ndpi, void *dissector, Deliver deliver, void *context) {
    Table *t = calloc(1, sizeof *t);
    if (!t) return NULL;
    t->settings = *settings;
    t->ndpi = ndpi;
    t->dissector = dissector;
    t->deliver = deliver;
    t->context = context;
    t->mask = (1u << 12) - 1;
    t->slots = calloc((size_t)t->mask + 1, sizeof(Slot));
    t->free_list = t->node_free = NO_FLOW;
    size_t at = sizeof(Flow);
    if (settings->groups & GROUP_FLAGS) { t->flags_at = at; at += sizeof(Flags); }
    if (settings->groups & GROUP_SIZES) { t->sizes_at = at; at += 2 * sizeof(SizeSums); }
    if (settings->groups & GROUP_TIMES) { t->gaps_at = at; at += 3 * sizeof(GapSums); }
    if (settings->groups & GROUP_SEQUENCE) { t->sequence_at = at; at += 8 * (size_t)settings->sequence_packets; }
    t->stride = (at + 63) / 64 * 64;
    if (t->slots) return t;
    table_free(t);
    return NULL;
}

void table_free(Table *t) {
    if (!t) return;
    for (uint32_t i = 0; i < t->top; i++) {
        Flow *f = flow_at(t, i);
        if (f->state == FREE) continue;
        if (f->ndpi) {
            t->ndpi->free_data(f->ndpi);
            free(f->ndpi);
        }
        free(f->label.strings);
    }
    for (uint32_t i = 0; i < t->chunk_count; i++) free(t->chunks[i]);
    for (uint32_t i = 0; i < t->node_chunk_count; i++) free(t->node_chunks[i]);
    for (uint32_t i = 0; i < t->ndpi_pooled; i++) free(t->ndpi_pool[i]);
    free(t->chunks);
    free(t->node_chunks);
    free(t->ndpi_pool);
    free(t->slots);
    batch_free(t->batch);
    index_rows_free(t->rows);
    free(t);
}

int table_failed(const Table *t) { return t->failed; }
uint64_t table_flows(const Table *t) { return t->flows; }
uint64_t table_dissections(const Table *t) { return t->dissections; }

/* ---- hash table: open addressing, linear probes, no tombstones */

static void grow_slots(Table *t) {
    uint32_t mask = t->mask * 2 + 1;
    Slot *slots = calloc((size_t)mask + 1, sizeof(Slot));
    if (!slots) {
        t->failed = 1;
        return;
    }
    for (uint32_t i = 0; i <= t->mask; i++) {
        if (!t->slots[i].flow) continue;
        uint32_t j = (uint32_t)flow_at(t, t->slots[i].flow - 1)->hash & mask;
        while (slots[j].flow) j = (j + 1) & mask;
        slots[j] = t->slots[i];
    }
    free(t->slots);
    t->slots = slots;
    t->mask = mask;
}

static void remove_slot(Table *t, uint32_t flow) {
    uint32_t m = t->mask, i = (uint32_t)flow_at(t, flow)->hash & m;
    while (t->slots[i].flow != flow + 1) i = (i + 1) & m;
    for (uint32_t j = (i + 1) & m; t->slots[j].flow; j = (j + 1) & m) {     /* move back what probed past the hole */
        uint32_t home = (uint32_t)flow_at(t, t->slots[j].flow - 1)->hash & m;
        if (((j - home) & m) >= ((j - i) & m)) {
            t->slots[i] = t->slots[j];
            i = j;
        }
    }
    t->slots[i].flow = 0;
    t->used--;
}

/* Room for one more pointer in a growing array of them. */
static int room_for(void **array, uint32_t count, uint32_t *room) {
    if (count < *room) return 1;
    uint32_t more = *room ? *room * 2 : 16;
    void *p = realloc(*array, more * sizeof(void *));
    if (!p) return 0;
    *array = p;
    *room = more;
    return 1;
}

static uint32_t new_flow(Table *t) {
    if (t->free_list != NO_FLOW) {
        uint32_t i = t->free_list;
        t->free_list = flow_at(t, i)->next_free;
        return i;
    }
    if (t->top == t->chunk_count * CHUNK_FLOWS) {
        char *chunk = NULL;
        if (room_for((void **)&t->chunks, t->chunk_count, &t->chunk_room)) chunk = aligned_alloc(64, t->stride * CHUNK_FLOWS);
        if (!chunk) {
            t->failed = 1;
            return NO_FLOW;
        }
        t->chunks[t->chunk_count++] = chunk;
    }
    return t->top++;
}

/* ---- packet index of a flow */

static uint32_t new_node(Table *t) {
    if (t->node_free != NO_FLOW) {
        uint32_t i = t->node_free;
        t->node_free = node_at(t, i)->next;
        return i;
    }
    if (t->node_top == t->node_chunk_count * CHUNK_FLOWS) {
        IndexNode *chunk = NULL;
        if (room_for((void **)&t->node_chunks, t->node_chunk_count, &t->node_chunk_room)) chunk = malloc(CHUNK_FLOWS * sizeof *chunk);
        if (!chunk) {
            t->failed = 1;
            return NO_FLOW;
        }
        t->node_chunks[t->node_chunk_count++] = chunk;
    }
    return t->node_top++;
}

static void deliver_rows(Table *t) {
    if (t->rows) t->deliver(t->context, NULL, t->rows);
    t->rows = NULL;
}

static void write_index_row(Table *t, Flow *f) {
    if (!t->rows && !(t->rows = index_rows_new())) {
        t->failed = 1;
        return;
    }
    uint8_t *out = index_rows_add(t->rows, (int64_t)f->flow_id, (int64_t)f->row_frame, f->index_count, f->index_size);
    if (!out) {
        t->failed = 1;
        return;
    }
    uint32_t left = f->index_size, n = left < INDEX_INLINE ? left : INDEX_INLINE, node = f->index_first;
    memcpy(out, f->index_inline, n);
    for (left -= n, out += n; left; left -= n, out += n) {
        n = left < INDEX_NODE ? left : INDEX_NODE;
        memcpy(out, node_at(t, node)->bytes, n);
        node = node_at(t, node)->next;
    }
    if (f->index_first != NO_FLOW) {
        node_at(t, f->index_last)->next = t->node_free;
        t->node_free = f->index_first;
    }
    f->index_first = f->index_last = NO_FLOW;
    f->index_size = f->index_count = 0;
    if (t->rows->size >= INDEX_ROWS_FULL) deliver_rows(t);
}

static inline void index_packet(Table *t, Flow *f, uint64_t frame) {
    if (f->index_count == 0) {
        f->row_frame = frame;
    } else {
        uint8_t gap[10];
        uint32_t n = leb128(gap, frame - f->last_frame);
        for (uint32_t i = 0; i < n; i++) {
            uint32_t at = f->index_size++;
            if (at < INDEX_INLINE) {
                f->index_inline[at] = gap[i];
                continue;
            }
            at = (at - INDEX_INLINE) % INDEX_NODE;
            if (at == 0) {
                uint32_t node = new_node(t);
                if (node == NO_FLOW) {
                    f->index_size--;
                    return;
                }
                node_at(t, node)->next = NO_FLOW;
                if (f->index_first == NO_FLOW) f->index_first = node;
                else node_at(t, f->index_last)->next = node;
                f->index_last = node;
            }
            node_at(t, f->index_last)->bytes[at] = gap[i];
        }
    }
    f->last_frame = frame;
    f->index_count++;
    if (UNLIKELY(f->index_size >= INDEX_ROW_BYTES)) write_index_row(t, f);
}

/* ---- labels */

static void finish_label(Table *t, Flow *f) {
    f->state = LABELLED;
    if (!f->ndpi) return;
    if (!f->dissected) t->ndpi->free_data(f->ndpi);     /* fragments only: nothing that nDPI could guess from */
    else if (!label_finish(t->ndpi, t->dissector, f->ndpi, &f->label)) t->failed = 1;
    if (room_for((void **)&t->ndpi_pool, t->ndpi_pooled, &t->ndpi_room)) t->ndpi_pool[t->ndpi_pooled++] = f->ndpi;
    else free(f->ndpi);
    f->ndpi = NULL;
}

static void *new_ndpi(Table *t) {
    if (!t->ndpi_pooled) return calloc(1, t->ndpi->flow_size);
    void *p = t->ndpi_pool[--t->ndpi_pooled];
    memset(p, 0, t->ndpi->flow_size);
    return p;
}

static void dissect(Table *t, Flow *f, const Packet *p) {
    t->dissections++;
    f->dissected++;
    if (label_packet(t->ndpi, t->dissector, f->ndpi, &f->label, p->ip, p->captured, p->time)
        || f->dissected >= t->settings.dissections) finish_label(t, f);
}

/* ---- rows */

typedef unsigned __int128 Wide;

static Wide squares(uint64_t low, uint64_t high) { return (Wide)high << 64 | low; }

static void add_square(uint64_t *low, uint64_t *high, uint64_t value) {
    Wide s = squares(*low, *high) + (Wide)value * value;
    *low = (uint64_t)s;
    *high = (uint64_t)(s >> 64);
}

/* Sample standard deviation (n - 1) from exact sums. */
static double deviation(uint64_t n, uint64_t sum, Wide square_sum) {
    if (n < 2) return 0;
    Wide scaled = square_sum * n, squared = (Wide)sum * sum;     /* n² times the variance, without cancellation */
    if (square_sum >> 64 == 0 || n < 1u << 20) return sqrt((double)(scaled - squared) / (double)n / (double)(n - 1));
    double mean = (double)sum / (double)n, variance = ((double)square_sum - mean * (double)sum) / (double)(n - 1);
    return variance > 0 ? sqrt(variance) : 0;
}

static uint32_t min_max(uint32_t a, uint32_t b, int max) { return max ? (a > b ? a : b) : (a < b ? a : b); }

static void put_sizes(const Table *t, Batch *b, uint32_t row, Flow *f) {
    const SizeSums *s = part(f, t->sizes_at);
    uint64_t n[2] = {f->packets[0], f->packets[1]}, sum[2] = {f->wire_bytes[0], f->wire_bytes[1]};
    Wide square[2] = {squares(s[0].squares_low, s[0].squares_high), squares(s[1].squares_low, s[1].squares_high)};
    b->client_size_min[row] = (int32_t)s[0].min;
    b->client_size_max[row] = (int32_t)s[0].max;
    b->client_size_mean[row] = n[0] ? (double)sum[0] / (double)n[0] : 0;
    b->client_size_std[row] = deviation(n[0], sum[0], square[0]);
    b->server_size_min[row] = (int32_t)s[1].min;
    b->server_size_max[row] = (int32_t)s[1].max;
    b->server_size_mean[row] = n[1] ? (double)sum[1] / (double)n[1] : 0;
    b->server_size_std[row] = deviation(n[1], sum[1], square[1]);
    b->size_min[row] = (int32_t)(n[1] ? min_max(s[0].min, s[1].min, 0) : s[0].min);
    b->size_max[row] = (int32_t)min_max(s[0].max, s[1].max, 1);
    b->size_mean[row] = (double)(sum[0] + sum[1]) / (double)(n[0] + n[1]);
    b->size_std[row] = deviation(n[0] + n[1], sum[0] + sum[1], square[0] + square[1]);
}

#define PUT_GAPS(stem, sums, packets_, from, to)                                                            \
    do {                                                                                                    \
        uint64_t gaps_ = (packets_) > 1 ? (packets_)-1 : 0, sum_ = gaps_ ? (uint64_t)((to) - (from)) : 0;   \
        b->stem##_min[row] = (sums).min;                                                                    \
        b->stem##_max[row] = (sums).max;                                                                    \
        b->stem##_mean[row] = gaps_ ? (double)sum_ / (double)gaps_ : 0;                                     \
        b->stem##_std[row] = deviation(gaps_, sum_, squares((sums).squares_low, (sums).squares_high));      \
    } while (0)

static void put_flags(const Table *t, Batch *b, uint32_t row, Flow *f) {
    const Flags *n = part(f, t->flags_at);
    static const struct { int bit; } order[] = {{1}, {7}, {6}, {5}, {4}, {3}, {2}, {0}};  /* syn cwr ece urg ack psh rst fin */
    int32_t *columns[8][2] = {
        {b->client_syn_packets, b->server_syn_packets}, {b->client_cwr_packets, b->server_cwr_packets},
        {b->client_ece_packets, b->server_ece_packets}, {b->client_urg_packets, b->server_urg_packets},
        {b->client_ack_packets, b->server_ack_packets}, {b->client_psh_packets, b->server_psh_packets},
        {b->client_rst_packets, b->server_rst_packets}, {b->client_fin_packets, b->server_fin_packets}};
    for (int i = 0; i < 8; i++)
        for (int way = 0; way < 2; way++) columns[i][way][row] = (int32_t)n->packets[way][order[i].bit];
}

static void put_optional(const Table *t, Batch *b, uint32_t row, Flow *f) {
    if (t->flags_at) put_flags(t, b, row, f);
    if (t->sizes_at) put_sizes(t, b, row, f);
    if (t->gaps_at) {
        const GapSums *g = part(f, t->gaps_at);
        PUT_GAPS(gap_us, g[0], f->packets[0] + f->packets[1], f->first, f->last);
        PUT_GAPS(client_gap_us, g[1], f->packets[0], f->first, f->last_way[0]);
        PUT_GAPS(server_gap_us, g[2], f->packets[1], f->first_server, f->last_way[1]);
    }
}

static void put_address(uint8_t *column, uint32_t row, const uint64_t *address) { memcpy(column + 16 * (size_t)row, address, 16); }

static void put_core(Batch *b, uint32_t row, const Flow *f, Ended ended) {
    uint32_t k = (uint32_t)f->key[4], low = k & 0xffff, high = k >> 16;
    int r = f->reversed;
    b->flow_id[row] = (int64_t)f->flow_id;
    b->ip_version[row] = (int16_t)(f->key[4] >> 56);
    b->protocol[row] = (int16_t)(f->key[4] >> 48 & 0xff);
    b->vlan[row] = (int16_t)(f->key[4] >> 32 & 0xfff);
    b->code_tunnel[row] = f->tunnels;
    b->client_port[row] = (int32_t)(r ? high : low);
    b->server_port[row] = (int32_t)(r ? low : high);
    put_address(b->client_ip, row, f->key + (r ? 2 : 0));
    put_address(b->server_ip, row, f->key + (r ? 0 : 2));
    b->client_mac[row] = f->macs[0] < 0 ? 0 : f->macs[0];
    b->server_mac[row] = f->macs[1] < 0 ? 0 : f->macs[1];
    uint8_t bit = (uint8_t)(1u << (row & 7));
    if (f->macs[0] >= 0) b->valid_client_mac[row >> 3] |= bit;
    if (f->macs[1] >= 0) b->valid_server_mac[row >> 3] |= bit;
    if (f->packets[1]) b->valid_server_delay_us[row >> 3] |= bit;
    b->server_delay_us[row] = f->packets[1] ? f->first_server - f->first : 0;
    b->first_seen[row] = f->first;
    b->last_seen[row] = f->last;
    b->client_duration_us[row] = f->last_way[0] - f->first;
    b->server_duration_us[row] = f->packets[1] ? f->last_way[1] - f->first_server : 0;
    b->client_packets[row] = (int64_t)f->packets[0];
    b->server_packets[row] = (int64_t)f->packets[1];
    b->client_bytes[row] = (int64_t)f->ip_bytes[0];
    b->server_bytes[row] = (int64_t)f->ip_bytes[1];
    b->client_wire_bytes[row] = (int64_t)f->wire_bytes[0];
    b->server_wire_bytes[row] = (int64_t)f->wire_bytes[1];
    b->client_payload_bytes[row] = (int64_t)f->payload_bytes[0];
    b->server_payload_bytes[row] = (int64_t)f->payload_bytes[1];
    b->client_tcp_flags[row] = f->tcp_flags[0];
    b->server_tcp_flags[row] = f->tcp_flags[1];
    b->client_retransmissions[row] = (int32_t)f->retransmissions[0];
    b->server_retransmissions[row] = (int32_t)f->retransmissions[1];
    b->code_label[row] = (uint32_t)f->label.master << 16 | f->label.app;
    b->code_category[row] = f->label.category;
    b->code_confidence[row] = f->label.confidence;
    b->risks[row] = (int64_t)f->label.risks;
    b->code_ended[row] = (uint32_t)ended;
}

static int closed(const Flow *f) { return f->tcp_end & RESET || (f->tcp_end & 3) == 3; }

static void emit(Table *t, Flow *f, Ended ended) {
    if (f->state == DISSECTING) finish_label(t, f);
    if (ended != ENDED_ACTIVE && closed(f)) ended = ENDED_TCP_CLOSE;
    if (!t->batch && !(t->batch = batch_new(t->settings.groups))) {
        t->failed = 1;
        return;
    }
    Batch *b = t->batch;
    uint32_t row = b->rows;
    put_core(b, row, f, ended);
    put_optional(t, b, row, f);
    const char *text = f->label.strings;
    for (int i = 0; i < S_COUNT; i++) {
        if (!batch_string(&b->strings[i], row, text, f->label.length[i])) t->failed = 1;
        if (text) text += f->label.length[i];
    }
    free(f->label.strings);
    f->label.strings = NULL;
    if (t->sequence_at) {
        uint64_t n = f->packets[0] + f->packets[1];
        uint32_t limit = t->settings.sequence_packets;
        const int32_t *sequence = part(f, t->sequence_at);
        if (!batch_sequence(b, sequence, sequence + limit, n < limit ? (uint32_t)n : limit)) t->failed = 1;
    }
    b->rows++;
    if (t->settings.index && f->index_count) write_index_row(t, f);
    if (b->rows == BATCH_ROWS) {
        t->deliver(t->context, b, t->rows);
        t->batch = NULL;
        t->rows = NULL;
    }
}

/* ---- packets */

static int64_t mac_of(const uint8_t *p) { return p ? (int64_t)((uint64_t)be16(p) << 32 | be32(p + 2)) : -1; }

static void start(Table *t, Flow *f, const Packet *p) {
    memset(f, 0, t->sequence_at ? t->sequence_at : t->stride);
    memcpy(f->key, p->key, sizeof f->key);
    f->hash = p->hash;
    f->first = f->last = f->last_way[0] = f->last_way[1] = p->time;
    f->reversed = p->reversed;
    f->flow_id = p->frame;
    f->index_first = f->index_last = NO_FLOW;
    f->macs[0] = mac_of(p->mac_src);
    f->macs[1] = mac_of(p->mac_dst);
    f->tunnels = p->tunnels;
    f->state = LABELLED;
    if (t->settings.dissections) {
        f->state = DISSECTING;
        f->ndpi = new_ndpi(t);
        if (!f->ndpi) {
            t->failed = 1;
            f->state = LABELLED;
        }
    }
    t->flows++;
}

static void tcp_packet(Flow *f, const Packet *p, int way) {
    f->tcp_flags[way] |= p->tcp_flags;
    if (p->tcp_flags & 1) f->tcp_end |= (uint8_t)(way ? FIN_SERVER : FIN_CLIENT);
    if (p->tcp_flags & 4) f->tcp_end |= RESET;
    if (!p->payload) return;                                /* SYN and FIN say nothing of what was sent before */
    uint32_t end = p->seq + p->payload;
    if (f->seq_known[way] && (int32_t)(end - f->next_seq[way]) <= 0) {
        int keep_alive = p->payload == 1 && end == f->next_seq[way];      /* RFC 9293, 3.8.4 */
        if (!keep_alive) f->retransmissions[way]++;
        return;
    }
    f->next_seq[way] = end;
    f->seq_known[way] = 1;
}

static void add_gap(GapSums *g, int first, int64_t gap) {
    if (first || gap < g->min) g->min = gap;
    if (first || gap > g->max) g->max = gap;
    add_square(&g->squares_low, &g->squares_high, (uint64_t)gap);
}

static void count_optional(const Table *t, Flow *f, const Packet *p, int way) {
    uint64_t n = f->packets[way], all = f->packets[0] + f->packets[1];   /* before this packet */
    if (t->flags_at) {
        Flags *flags = part(f, t->flags_at);
        for (uint32_t bits = p->tcp_flags; bits; bits &= bits - 1) flags->packets[way][__builtin_ctz(bits)]++;
    }
    if (t->sizes_at) {
        SizeSums *s = (SizeSums *)part(f, t->sizes_at) + way;
        uint32_t size = p->wire > INT32_MAX ? INT32_MAX : p->wire;
        if (n == 0 || size < s->min) s->min = size;
        if (size > s->max) s->max = size;
        add_square(&s->squares_low, &s->squares_high, p->wire);
    }
    if (t->gaps_at && all) {
        GapSums *g = part(f, t->gaps_at);
        add_gap(g, all == 1, p->time - f->last);
        if (n) add_gap(g + 1 + way, n == 1, p->time - f->last_way[way]);
    }
    if (t->sequence_at && all < t->settings.sequence_packets) {
        int32_t *sequence = part(f, t->sequence_at);
        int64_t since = p->time - f->first;
        int32_t size = p->wire > INT32_MAX ? INT32_MAX : (int32_t)p->wire;
        sequence[all] = way ? -size : size;
        sequence[t->settings.sequence_packets + all] = since > INT32_MAX ? INT32_MAX : (int32_t)since;
    }
}

static void account(Table *t, Flow *f, const Packet *p) {
    int way = p->reversed != f->reversed;
    if (t->settings.groups) count_optional(t, f, p, way);
    if (way && !f->packets[1]) f->first_server = p->time;
    f->last = f->last_way[way] = p->time;
    f->packets[way]++;
    f->wire_bytes[way] += p->wire;
    f->ip_bytes[way] += p->ip_bytes;
    f->payload_bytes[way] += p->payload;
    if (p->has_seq) tcp_packet(f, p, way);
    if (t->settings.index) index_packet(t, f, p->frame);
    if (f->state == DISSECTING && !p->fragment) dissect(t, f, p);
}

/* Why the flow is over when this packet comes, or -1 when the packet belongs to it. */
static int over(const Table *t, const Flow *f, const Packet *p) {
    if (UNLIKELY(p->time - f->last >= t->settings.idle_us)) return ENDED_IDLE;
    if (UNLIKELY(p->time - f->first >= t->settings.active_us)) return ENDED_ACTIVE;
    if (t->settings.tcp_close && (p->tcp_flags & 0x12) == 2 && closed(f)) return ENDED_TCP_CLOSE;
    return -1;
}

static void one_packet(Table *t, const Packet *p) {
    uint32_t m = t->mask, i = (uint32_t)p->hash & m, tag = (uint32_t)(p->hash >> 32), number;
    Flow *f;
    for (; (number = t->slots[i].flow); i = (i + 1) & m) {
        if (t->slots[i].tag != tag) continue;
        f = flow_at(t, number - 1);
        if (memcmp(f->key, p->key, sizeof f->key)) continue;
        int why = over(t, f, p);
        if (UNLIKELY(why >= 0)) {
            emit(t, f, (Ended)why);
            start(t, f, p);
        }
        account(t, f, p);
        return;
    }
    number = new_flow(t);
    if (number == NO_FLOW) return;
    f = flow_at(t, number);
    start(t, f, p);
    t->slots[i] = (Slot){tag, number + 1};
    t->used++;
    account(t, f, p);
    if (t->used > t->mask / 2) grow_slots(t);
}

/* A clock's hand over the records: each packet pays for a look at one, so that idle flows leave in time. */
static void sweep(Table *t, int64_t now) {
    if (t->hand >= t->top) t->hand = 0;
    if (!t->top) return;
    Flow *f = flow_at(t, t->hand);
    if (f->state != FREE && now - f->last >= t->settings.idle_us) {
        emit(t, f, ENDED_IDLE);
        remove_slot(t, t->hand);
        f->state = FREE;
        f->next_free = t->free_list;
        t->free_list = t->hand;
    }
    t->hand++;
}

void table_packets(Table *t, const Packet *packets, const uint32_t *order, uint32_t n) {
    for (uint32_t at = 0; at < n && !t->failed; at += PIPELINE) {
        uint32_t end = at + PIPELINE < n ? at + PIPELINE : n;
        for (uint32_t i = at; i < end; i++) __builtin_prefetch(&t->slots[(uint32_t)packets[order[i]].hash & t->mask]);
        for (uint32_t i = at; i < end; i++) {
            uint32_t number = t->slots[(uint32_t)packets[order[i]].hash & t->mask].flow;
            if (!number) continue;
            char *f = (char *)flow_at(t, number - 1);
            __builtin_prefetch(f, 1);
            __builtin_prefetch(f + 64, 1);
            __builtin_prefetch(f + 128, 1);
            __builtin_prefetch(f + 192, 1);
        }
        for (uint32_t i = at; i < end; i++) {
            const Packet *p = &packets[order[i]];
            one_packet(t, p);
            sweep(t, p->time);
        }
    }
}

void table_flush(Table *t, int64_t now) {
    for (uint32_t i = 0; i < t->top && !t->failed; i++) {
        Flow *f = flow_at(t, i);
        if (f->state == FREE) continue;
        emit(t, f, now - f->last >= t->settings.idle_us ? ENDED_IDLE : ENDED_CAPTURE);
        f->state = FREE;
    }
    t->top = t->used = 0;
    if (t->batch || t->rows) t->deliver(t->context, t->batch, t->rows);
    t->batch = NULL;
    t->rows = NULL;
}
