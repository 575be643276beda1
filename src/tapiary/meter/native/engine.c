#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include "bytes.h"
#include "engine.h"

#define BLOCK_BYTES (1u << 20)      /* read at a time: fits the second-level cache together with its packets */
#define RING 6u                     /* blocks between reading and the slowest worker */
#define OUTPUTS 16u                 /* finished batches kept before reading waits: bounds memory when nobody takes them */
#define LINK_TYPES 64u
#define ANCHOR_ROW_BYTES (256u << 10)
#define FILE_ROWS_FULL (4u << 20)

typedef struct {
    uint8_t *data;
    size_t room, size;              /* size: bytes carried over from the block before, then all */
    Packet *packets;
    uint32_t packet_count, packet_room;
    uint32_t *order[MAX_SHARDS], count[MAX_SHARDS], order_room[MAX_SHARDS];
    uint32_t pending;               /* workers that are not through with it */
} Block;

typedef struct { struct Engine *engine; Table *table; uint32_t number; pthread_t thread; int started; } Worker;

/* LEB128 gaps between growing numbers, written out as index rows when they get long. */
typedef struct { uint8_t *data; size_t size; uint64_t last, first_frame; uint32_t count; } Gaps;

struct Engine {
    EngineSettings settings;
    Reader reader;
    Decoder decoder;
    Block ring[RING];
    uint64_t filled;                /* blocks handed to the workers */
    int done;
    atomic_int stopping;
    pthread_mutex_t lock;
    pthread_cond_t work, room, output;
    Worker workers[MAX_SHARDS];
    uint32_t running;
    Output *outputs;
    size_t output_count, output_room;
    Gaps anchors, context;
    IndexRows *rows;                /* anchors and context */
    int64_t clock;                  /* of the flows */
    int64_t first_time, last_time;  /* of all packets, as the file says */
    uint64_t bytes;
    uint32_t link_type[LINK_TYPES], link_types;
    uint64_t link_packets[LINK_TYPES], other_links;
    atomic_int failed;
};

static void deliver(void *context, Batch *batch, IndexRows *rows) {
    Engine *e = context;
    pthread_mutex_lock(&e->lock);
    while (e->done && e->output_count >= OUTPUTS && !e->stopping) pthread_cond_wait(&e->room, &e->lock);    /* the last flows come all at once */
    if (e->output_count == e->output_room) {
        size_t more = e->output_room ? e->output_room * 2 : 64;
        Output *p = realloc(e->outputs, more * sizeof *p);
        if (!p) {
            e->failed = 1;
            pthread_mutex_unlock(&e->lock);
            batch_free(batch);
            index_rows_free(rows);
            return;
        }
        e->outputs = p;
        e->output_room = more;
    }
    e->outputs[e->output_count++] = (Output){batch, rows};
    pthread_cond_signal(&e->output);
    pthread_mutex_unlock(&e->lock);
}

/* ---- index rows of the file itself: flow 0 anchors, flow -1 blocks that every cut carries */

static void write_gaps(Engine *e, Gaps *g, int64_t flow_id) {
    if (!g->count) return;
    uint8_t *out = NULL;
    if (e->rows || (e->rows = index_rows_new())) out = index_rows_add(e->rows, flow_id, (int64_t)g->first_frame, g->count, g->size);
    if (out) memcpy(out, g->data, g->size);
    else e->failed = 1;
    if (out && e->rows->size >= FILE_ROWS_FULL) {   /* a file may hold any number of blocks: nothing is kept of it for long */
        deliver(e, NULL, e->rows);
        e->rows = NULL;
    }
    g->size = g->count = 0;        /* the next row goes on where this one ends: their bytes may be joined */
}

static void add_gap(Engine *e, Gaps *g, int64_t flow_id, uint64_t frame, uint64_t offset) {
    if (!g->data && !(g->data = malloc(ANCHOR_ROW_BYTES + 16))) {
        e->failed = 1;
        return;
    }
    if (!g->count++) g->first_frame = frame;
    g->size += leb128(g->data + g->size, offset - g->last);
    g->last = offset;
    if (g->size >= ANCHOR_ROW_BYTES) write_gaps(e, g, flow_id);
}

static void on_context(void *context, uint64_t offset) {
    Engine *e = context;
    if (e->settings.table.index) add_gap(e, &e->context, -1, e->reader.frames + 1, offset);
}

/* ---- workers */

static void give_back(Engine *e, Block *b) {
    pthread_mutex_lock(&e->lock);
    if (--b->pending == 0) pthread_cond_broadcast(&e->room);
    pthread_mutex_unlock(&e->lock);
}

static void *work(void *argument) {
    Worker *w = argument;
    Engine *e = w->engine;
    for (uint64_t next = 0;; next++) {
        pthread_mutex_lock(&e->lock);
        while (e->filled <= next && !e->done) pthread_cond_wait(&e->work, &e->lock);
        int over = e->filled <= next || e->stopping;
        pthread_mutex_unlock(&e->lock);
        if (over) break;
        Block *b = &e->ring[next % RING];
        table_packets(w->table, b->packets, b->order[w->number], b->count[w->number]);
        if (table_failed(w->table)) e->failed = 1;
        give_back(e, b);
    }
    if (!e->stopping) table_flush(w->table, e->clock);
    pthread_mutex_lock(&e->lock);
    if (table_failed(w->table)) e->failed = 1;
    e->running--;
    pthread_cond_broadcast(&e->output);
    pthread_mutex_unlock(&e->lock);
    return NULL;
}

Engine *engine_new(const EngineSettings *settings) {
    Engine *e = calloc(1, sizeof *e);
    if (!e) return NULL;
    e->settings = *settings;
    memcpy(e->decoder.seed, settings->seed, sizeof settings->seed);
    e->decoder.tunnel_mask = settings->tunnel_mask;
    e->reader.context = e;
    e->reader.on_context = on_context;
    e->first_time = e->last_time = e->clock = -1;
    pthread_mutex_init(&e->lock, NULL);
    pthread_cond_init(&e->work, NULL);
    pthread_cond_init(&e->room, NULL);
    pthread_cond_init(&e->output, NULL);
    for (uint32_t i = 0; i < settings->shards; i++) {
        Worker *w = &e->workers[i];
        w->engine = e;
        w->number = i;
        w->table = table_new(&e->settings.table, &e->settings.ndpi, settings->dissectors[i], deliver, e);
        if (!w->table) goto failed;
    }
    for (uint32_t i = 0; i < settings->shards; i++) {
        e->running++;
        if (pthread_create(&e->workers[i].thread, NULL, work, &e->workers[i])) {
            e->running--;
            goto failed;
        }
        e->workers[i].started = 1;
    }
    return e;
failed:
    engine_free(e);
    return NULL;
}

/* ---- reading */

static Block *block_at(Engine *e, uint64_t number) { return &e->ring[number % RING]; }

static int block_room(Block *b, size_t room) {
    if (room <= b->room) return 1;
    uint8_t *p = realloc(b->data, room);
    if (!p) return 0;
    b->data = p;
    b->room = room;
    return 1;
}

uint8_t *engine_reserve(Engine *e, size_t *room) {
    Block *b = block_at(e, e->filled);
    pthread_mutex_lock(&e->lock);
    while ((b->pending || e->output_count >= OUTPUTS) && !e->stopping) pthread_cond_wait(&e->room, &e->lock);
    int stopped = e->stopping;
    pthread_mutex_unlock(&e->lock);
    if (stopped) return NULL;
    if (!block_room(b, BLOCK_BYTES)) return NULL;
    if (b->size == b->room && !block_room(b, b->room * 2)) return NULL;
    *room = b->room - b->size;
    return b->data + b->size;
}

static void count_link(Engine *e, uint32_t type) {
    for (uint32_t i = 0; i < e->link_types; i++) {
        if (e->link_type[i] == type) {
            e->link_packets[i]++;
            return;
        }
    }
    if (e->link_types == LINK_TYPES) {
        e->other_links++;
        return;
    }
    e->link_type[e->link_types] = type;
    e->link_packets[e->link_types++] = 1;
}

/* The shard of a flow: unkeyed and the same for ever, so that a shard's nDPI caches see the same flows each time. */
static uint32_t shard_of(const Packet *p, uint32_t shards) {
    uint64_t h = (p->key[0] ^ p->key[2]) * 0x9e3779b97f4a7c15ull;
    h = (h ^ h >> 32 ^ p->key[1] ^ (p->key[3] << 1 | p->key[3] >> 63)) * 0xbf58476d1ce4e5b9ull;
    h = (h ^ h >> 29 ^ p->key[4]) * 0x94d049bb133111ebull;
    return (uint32_t)((h >> 32) * shards >> 32);
}

static int push(Engine *e, Block *b) {
    uint32_t shards = e->settings.shards;
    uint32_t s = shards == 1 ? 0 : shard_of(&b->packets[b->packet_count], shards);
    if (b->count[s] == b->order_room[s]) {
        uint32_t more = b->order_room[s] ? b->order_room[s] * 2 : 4096;
        uint32_t *p = realloc(b->order[s], more * sizeof *p);
        if (!p) return 0;
        b->order[s] = p;
        b->order_room[s] = more;
    }
    b->order[s][b->count[s]++] = b->packet_count++;
    return 1;
}

/* Cuts the block into frames and decodes them; tells how many bytes were used up. */
static EngineResult decode_block(Engine *e, Block *b, int last, size_t *used_up, size_t *need) {
    size_t at = 0;
    EngineResult result = ENGINE_OK;
    for (;;) {
        Frame frame;
        size_t used;
        ReadResult r = reader_next(&e->reader, b->data + at, b->size - at, last, &used, need, &frame);
        at += used;
        if (r == READ_NO_CAPTURE) result = ENGINE_NO_CAPTURE;
        if (r == READ_NO_MEMORY) result = ENGINE_NO_MEMORY;
        if (r != READ_FRAME) break;
        if (e->settings.table.index && (frame.frame - 1) % ANCHOR_FRAMES == 0) add_gap(e, &e->anchors, 0, frame.frame, frame.offset);
        count_link(e, frame.link_type);
        if (e->first_time < 0 || frame.time < e->first_time) e->first_time = frame.time;
        if (frame.time > e->last_time) e->last_time = frame.time;
        if (b->packet_count == b->packet_room) {
            uint32_t more = b->packet_room ? b->packet_room * 2 : 4096;
            Packet *p = realloc(b->packets, more * sizeof *p);
            if (!p) {
                result = ENGINE_NO_MEMORY;
                break;
            }
            b->packets = p;
            b->packet_room = more;
        }
        Packet *p = &b->packets[b->packet_count];
        p->time = frame.time > e->clock ? frame.time : e->clock;    /* as nfstream: it never goes back */
        p->frame = frame.frame;
        if (!decode_frame(&e->decoder, frame.link_type, frame.data, frame.captured, frame.wire, p)) continue;
        if (frame.time < e->clock) e->decoder.anomalies[A_time_went_back]++;
        e->clock = p->time;                     /* packets of no flow do not move it */
        if (!push(e, b)) {
            result = ENGINE_NO_MEMORY;
            break;
        }
    }
    *used_up = at;
    return result;
}

EngineResult engine_feed(Engine *e, size_t n, int last) {
    Block *b = block_at(e, e->filled), *next = block_at(e, e->filled + 1);
    size_t used, need = 0;
    b->size += n;
    e->bytes += n;
    b->packet_count = 0;
    memset(b->count, 0, sizeof b->count);
    EngineResult result = decode_block(e, b, last, &used, &need);
    if (result != ENGINE_OK) return result;
    if (used == 0 && !last && b->packet_count == 0) {   /* a record larger than what is here: read on */
        return need && !block_room(b, need) ? ENGINE_NO_MEMORY : ENGINE_OK;
    }
    size_t left = b->size - used;
    pthread_mutex_lock(&e->lock);
    while (next->pending && !e->stopping) pthread_cond_wait(&e->room, &e->lock);
    int stopped = e->stopping;
    pthread_mutex_unlock(&e->lock);
    if (stopped) return ENGINE_STOPPED;
    next->size = 0;
    if (left && !last) {
        if (!block_room(next, need > left + BLOCK_BYTES ? need : left + BLOCK_BYTES)) return ENGINE_NO_MEMORY;
        memcpy(next->data, b->data + used, left);
        next->size = left;
    }
    if (last && e->settings.table.index) {
        write_gaps(e, &e->anchors, 0);
        write_gaps(e, &e->context, -1);
        if (e->rows) deliver(e, NULL, e->rows);
        e->rows = NULL;
    }
    pthread_mutex_lock(&e->lock);
    b->size = 0;
    b->pending = e->settings.shards;
    e->filled++;
    if (last) e->done = 1;
    pthread_cond_broadcast(&e->work);
    pthread_mutex_unlock(&e->lock);
    return e->failed ? ENGINE_NO_MEMORY : ENGINE_OK;
}

/* Waits until a pipe or the like has something to read; 0 when the engine was stopped meanwhile. */
static int wait_for(Engine *e, int descriptor) {
    struct pollfd one = {descriptor, POLLIN, 0};
    while (!e->stopping)
        if (poll(&one, 1, 50)) return 1;
    return 0;
}

/* Where there are processors to spare, the workers leave the reader's alone: in virtual machines the scheduler takes a
   halted processor for one that is busy, wakes the worker beside the reader, and both share one for ever. */
static void keep_apart(Engine *e) {
#ifdef __linux__
    cpu_set_t allowed;
    int here = sched_getcpu();
    if (here < 0 || sched_getaffinity(0, sizeof allowed, &allowed) || (uint32_t)CPU_COUNT(&allowed) <= e->settings.shards) return;
    CPU_CLR(here, &allowed);
    for (uint32_t i = 0; i < e->settings.shards; i++) pthread_setaffinity_np(e->workers[i].thread, sizeof allowed, &allowed);
#else
    (void)e;
#endif
}

EngineResult engine_read(Engine *e, int descriptor) {
    keep_apart(e);
    struct stat about;
    int waits = fstat(descriptor, &about) || !S_ISREG(about.st_mode);
    for (;;) {
        size_t room;
        uint8_t *at = engine_reserve(e, &room);
        if (!at) return e->stopping ? ENGINE_STOPPED : ENGINE_NO_MEMORY;
        if (waits && !wait_for(e, descriptor)) return ENGINE_STOPPED;
        ssize_t n;
        do n = read(descriptor, at, room);
        while (n < 0 && errno == EINTR);
        if (n < 0) return ENGINE_READ_ERROR;
        EngineResult r = engine_feed(e, (size_t)n, n == 0);
        if (r != ENGINE_OK || n == 0) return r;
    }
}

TakeResult engine_take(Engine *e, int ms, Output *out) {
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += ms % 1000 * 1000000L;
    until.tv_sec += ms / 1000 + until.tv_nsec / 1000000000L;
    until.tv_nsec %= 1000000000L;
    TakeResult result = TAKE_NOT_YET;
    pthread_mutex_lock(&e->lock);
    while (!e->output_count && e->running && !e->stopping)
        if (pthread_cond_timedwait(&e->output, &e->lock, &until)) break;
    if (e->output_count) {
        *out = e->outputs[0];
        memmove(e->outputs, e->outputs + 1, --e->output_count * sizeof *e->outputs);
        pthread_cond_broadcast(&e->room);
        result = TAKE_SOME;
    } else if (!e->running || e->stopping) result = TAKE_OVER;
    pthread_mutex_unlock(&e->lock);
    return result;
}

void engine_stop(Engine *e) {
    pthread_mutex_lock(&e->lock);
    e->stopping = e->done = 1;
    pthread_cond_broadcast(&e->work);
    pthread_cond_broadcast(&e->room);
    pthread_cond_broadcast(&e->output);
    pthread_mutex_unlock(&e->lock);
}

void engine_counts(Engine *e, EngineCounts *out) {
    memset(out, 0, sizeof *out);
    out->frames = e->reader.frames;
    out->bytes = e->bytes;
    out->first_time = e->first_time;
    out->last_time = e->last_time;
    out->format = e->reader.format;
    for (uint32_t i = 0; i < e->settings.shards; i++) {
        if (!e->workers[i].table) continue;
        out->flows += table_flows(e->workers[i].table);
        out->dissections += table_dissections(e->workers[i].table);
    }
    for (int i = 0; i < A_COUNT; i++) out->anomalies[i] = e->decoder.anomalies[i] + e->reader.anomalies[i];
    memcpy(out->not_flows, e->decoder.not_flows, sizeof out->not_flows);
    memcpy(out->non_ip, e->decoder.non_ip, sizeof out->non_ip);
}

uint32_t engine_link_types(Engine *e, uint32_t *types, uint64_t *packets, uint32_t room) {
    uint32_t n = e->link_types < room ? e->link_types : room;
    memcpy(types, e->link_type, n * sizeof *types);
    memcpy(packets, e->link_packets, n * sizeof *packets);
    if (e->other_links && n < room) {
        types[n] = OTHER_LINKS;
        packets[n++] = e->other_links;
    }
    return n;
}

int engine_failed(Engine *e) { return e->failed; }

void engine_free(Engine *e) {
    if (!e) return;
    engine_stop(e);
    for (uint32_t i = 0; i < e->settings.shards; i++) {
        if (e->workers[i].started) pthread_join(e->workers[i].thread, NULL);
        table_free(e->workers[i].table);
    }
    for (size_t i = 0; i < e->output_count; i++) {
        batch_free(e->outputs[i].batch);
        index_rows_free(e->outputs[i].rows);
    }
    for (uint32_t i = 0; i < RING; i++) {
        free(e->ring[i].data);
        free(e->ring[i].packets);
        for (uint32_t s = 0; s < MAX_SHARDS; s++) free(e->ring[i].order[s]);
    }
    index_rows_free(e->rows);
    free(e->anchors.data);
    free(e->context.data);
    free(e->outputs);
    reader_free(&e->reader);
    pthread_cond_destroy(&e->work);
    pthread_cond_destroy(&e->room);
    pthread_cond_destroy(&e->output);
    pthread_mutex_destroy(&e->lock);
    free(e);
}
