/* Mutated frames and files through the core, built with sanitizers by tools/fuzz.py.

   fuzz frames COUNT SEED FILE…: frames of these captures, mutated, each in a buffer of exactly its size (in a whole
   file an over-read would land in the next packet unseen), through the decoder and the flow table.
   fuzz files COUNT SEED FILE…: whole captures, mutated, in random pieces through the engine. Either way every frame must
   be in a flow or in exactly one count.
   fuzz merge COUNT SEED FILE…: see merge.c. */
#include <stdio.h>
#include <stdlib.h>
#include "../bytes.h"
#include "../engine.h"
#include "fuzz.h"

static uint64_t state;

uint32_t dice(uint32_t sides) {      /* xorshift64*: the same numbers on every machine */
    state ^= state >> 12;
    state ^= state << 25;
    state ^= state >> 27;
    return sides ? (uint32_t)((state * 0x2545f4914f6cdd1dull) >> 32) % sides : 0;
}

void die(const char *why) {
    fprintf(stderr, "fuzz: %s\n", why);
    abort();
}

void ignore_context(void *context, uint64_t offset) { (void)context, (void)offset; }

uint8_t *slurp(const char *path, size_t *size) {
    FILE *f = fopen(path, "rb");
    if (!f) die(path);
    fseek(f, 0, SEEK_END);
    *size = (size_t)ftell(f);
    rewind(f);
    uint8_t *data = malloc(*size ? *size : 1);
    if (!data || fread(data, 1, *size, f) != *size) die(path);
    fclose(f);
    return data;
}

/* Bits flipped, bytes set to edge values, pieces cut, doubled or taken from another seed. */
uint8_t *mutate(const Seed *from, const Seed *other, size_t *size) {
    uint8_t *data = malloc(2 * from->size + other->size + 64);
    size_t n = from->size;
    if (!data) die("memory");
    memcpy(data, from->data, n);
    for (uint32_t times = dice(8); times--;) {
        uint32_t at = dice((uint32_t)n), piece;
        static const uint8_t edges[] = {0, 1, 4, 5, 6, 0x11, 0x29, 0x2f, 0x45, 0x60, 0x7f, 0x80, 0xaa, 0xfe, 0xff};
        switch (n ? dice(7) : 7) {
        case 0: data[at] ^= (uint8_t)(1u << dice(8)); break;
        case 1: data[at] = edges[dice(sizeof edges)]; break;
        case 2: data[at] = (uint8_t)dice(256); break;
        case 3: n = at; break;
        case 4:
            piece = dice((uint32_t)(n - at));
            memmove(data + at, data + at + piece, n - at - piece);
            n -= piece;
            break;
        case 5:
            piece = dice((uint32_t)(n - at) < 32 ? (uint32_t)(n - at) : 32);
            if (n + piece > 2 * from->size) break;
            memmove(data + at + piece, data + at, n - at);
            n += piece;
            break;
        case 6:
            piece = dice((uint32_t)(other->size < n - at ? other->size : n - at));
            if (piece) memcpy(data + at, other->data + dice((uint32_t)other->size - piece), piece);
            break;
        default: break;
        }
    }
    *size = n;
    uint8_t *exact = malloc(n ? n : 1);
    if (!exact) die("memory");
    memcpy(exact, data, n);
    free(data);
    return exact;
}

static uint64_t delivered;

static void count_batch(Batch *batch) {
    for (uint32_t i = 0; batch && i < batch->rows; i++) delivered += (uint64_t)(batch->client_packets[i] + batch->server_packets[i]);
}

static void deliver(void *context, Batch *batch, IndexRows *rows) {
    (void)context;
    count_batch(batch);
    batch_free(batch);
    index_rows_free(rows);
}

static EngineSettings settings(void) {
    EngineSettings s = {0};
    s.table = (TableSettings){120000000, 1800000000, 0, 15, 30, 1, 1};
    s.tunnel_mask = 0xff;
    s.shards = 2;
    for (int i = 0; i < 5; i++) s.seed[i] = 0x9e3779b97f4a7c15ull * (uint64_t)(i + 1);
    return s;
}

static Seed *frames_of(int files, char **paths, uint32_t *count) {
    Seed *seeds = NULL;
    uint32_t n = 0, room = 0;
    for (int i = 0; i < files; i++) {
        size_t size, at = 0, used, need;
        uint8_t *data = slurp(paths[i], &size);
        Reader r = {0};
        Frame f;
        r.on_context = ignore_context;
        while (reader_next(&r, data + at, size - at, 1, &used, &need, &f) == READ_FRAME || (used && !r.stopped)) {
            at += used;
            if (!f.data || n > 50000) continue;
            if (n == room) {
                room = room ? room * 2 : 1024;
                seeds = realloc(seeds, room * sizeof *seeds);
                if (!seeds) die("memory");
            }
            seeds[n] = (Seed){malloc(f.captured ? f.captured : 1), f.captured, f.link_type};
            if (!seeds[n].data) die("memory");
            memcpy(seeds[n++].data, f.data, f.captured);
        }
        reader_free(&r);
        free(data);
    }
    *count = n;
    return seeds;
}

static void fuzz_frames(uint32_t times, int files, char **paths) {
    static const uint32_t links[] = {0, 1, 9, 12, 14, 50, 51, 101, 104, 105, 108, 113, 119, 127, 163, 192, 228, 229, 276, 77};
    uint32_t count;
    Seed *seeds = frames_of(files, paths, &count);
    if (!count) die("no frames");
    EngineSettings s = settings();
    Decoder *d = calloc(1, sizeof *d);
    Table *table = table_new(&s.table, NULL, NULL, deliver, NULL);
    if (!d || !table) die("memory");
    memcpy(d->seed, s.seed, sizeof d->seed);
    d->tunnel_mask = s.tunnel_mask;
    int64_t time = 0;
    uint64_t in_flows = 0, outside = 0;
    for (uint32_t i = 0; i < times; i++) {
        const Seed *seed = &seeds[dice(count)];
        size_t size;
        uint8_t *data = mutate(seed, &seeds[dice(count)], &size);
        uint32_t link = dice(8) ? seed->link_type : links[dice(sizeof links / sizeof *links)], zero = 0;
        Packet p;
        time += dice(100) ? dice(100000) : dice(200000000);
        p.time = time;
        p.frame = i + 1;
        if (decode_frame(d, link, data, (uint32_t)size, (uint32_t)size + (dice(4) ? 0 : dice(3000)), &p)) {
            if (p.ip < data || p.ip + p.captured > data + size) die("a packet beyond its frame");
            in_flows++;
            table_packets(table, &p, &zero, 1);
        }
        free(data);
    }
    table_flush(table, time);
    for (int i = 0; i < NF_COUNT; i++) outside += d->not_flows[i];
    if (in_flows != delivered || in_flows + outside != times) die("frames were lost or doubled");
    printf("%u frames from %u seeds: %llu in flows, %llu not\n", times, count, (unsigned long long)in_flows, (unsigned long long)outside);
    table_free(table);
    free(d);
    for (uint32_t i = 0; i < count; i++) free(seeds[i].data);
    free(seeds);
}

static void fuzz_files(uint32_t times, int files, char **paths) {
    Seed *seeds = calloc((size_t)files, sizeof *seeds);
    if (!seeds) die("memory");
    uint32_t readable = 0;
    for (int i = 0; i < files; i++) seeds[i].data = slurp(paths[i], &seeds[i].size);
    for (uint32_t i = 0; i < times; i++) {
        size_t size, at = 0;
        uint8_t *data = mutate(&seeds[dice((uint32_t)files)], &seeds[dice((uint32_t)files)], &size);
        EngineSettings s = settings();
        Engine *e = engine_new(&s);
        if (!e) die("memory");
        EngineResult r = ENGINE_OK;
        Output out;
        EngineCounts counts;
        delivered = 0;
        for (int last = 0; r == ENGINE_OK && !last;) {
            size_t room, n = 1 + dice(dice(3) ? 100000 : 100);
            uint8_t *to = engine_reserve(e, &room);
            if (!to) die("no room");
            if (n > room) n = room;
            if (n > size - at) n = size - at;
            memcpy(to, data + at, n);
            at += n;
            last = n == 0;
            r = engine_feed(e, n, last);
            while (engine_take(e, 0, &out) == TAKE_SOME) deliver(NULL, out.batch, out.rows);
        }
        if (r == ENGINE_OK) {
            TakeResult t;
            while ((t = engine_take(e, 1000, &out)) != TAKE_OVER)
                if (t == TAKE_SOME) deliver(NULL, out.batch, out.rows);
            engine_counts(e, &counts);
            for (int k = 0; k < NF_COUNT; k++) delivered += counts.not_flows[k];
            if (delivered != counts.frames) die("frames were lost or doubled");
            readable++;
        } else if (r != ENGINE_NO_CAPTURE) die("an unexpected result");
        engine_free(e);
        free(data);
    }
    printf("%u files from %d seeds: %u readable\n", times, files, readable);
    for (int i = 0; i < files; i++) free(seeds[i].data);
    free(seeds);
}

int main(int count, char **words) {
    if (count < 5) die("usage: fuzz frames|files|merge COUNT SEED FILE…");
    state = strtoull(words[3], NULL, 10) * 2 + 1;
    uint32_t times = (uint32_t)strtoul(words[2], NULL, 10);
    if (!strcmp(words[1], "frames")) fuzz_frames(times, count - 4, words + 4);
    else if (!strcmp(words[1], "merge")) fuzz_merge(times, count - 4, words + 4);
    else fuzz_files(times, count - 4, words + 4);
    return 0;
}
