/* One to four mutated captures merged, read as files or fed in random pieces. The result must be a flawless capture that
   holds every packet that the reader finds in them. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>
#include "../bytes.h"
#include "../merge.h"
#include "../reader.h"
#include "fuzz.h"

/* Packets of a capture, -1 when it is none; *flaws: what the reader found amiss. */
static int64_t packets_of(const uint8_t *data, size_t size, uint64_t *flaws) {
    size_t at = 0, used, need;
    Reader r = {0};
    Frame f;
    ReadResult result;
    r.on_context = ignore_context;
    do {
        result = reader_next(&r, data + at, size - at, 1, &used, &need, &f);
        at += used;
    } while (result == READ_FRAME);
    *flaws = 0;
    for (int i = 0; i < A_COUNT; i++) *flaws += r.anomalies[i];
    int64_t packets = result == READ_STOP ? (int64_t)r.frames : -1;
    reader_free(&r);
    return packets;
}

typedef struct { uint8_t *data; size_t size, at; int file; } Given;

static void feed(Merge *m, Given *g, uint32_t number) {
    size_t room, n = 1 + dice(dice(3) ? 100000 : 100);
    uint8_t *to = merge_room(m, number, &room);
    if (!to || !room) die("no room");
    if (n > room) n = room;
    if (n > g->size - g->at) n = g->size - g->at;
    memcpy(to, g->data + g->at, n);
    g->at += n;
    merge_fed(m, number, n);
}

static void check_merged(const Merge *m, int file, const Given *given, uint32_t count) {
    uint64_t flaws, offset;
    int64_t packets = 0;
    size_t size = (size_t)lseek(file, 0, SEEK_END);
    if (size != merge_written(m)) die("the output has another size than was told");
    uint8_t *data = malloc(size);
    if (!data || pread(file, data, size, 0) != (ssize_t)size) die("memory");
    for (uint32_t i = 0; i < count; i++) {
        int64_t one = packets_of(given[i].data, given[i].size, &flaws);
        if (one > 0) packets += one;
        /* The reader counts packets with strange times, which can be merged; all else that it finds is a tear. */
        if (!flaws && given[i].size && one >= 0 && merge_tear(m, i, &offset)) die("a tear in a flawless file");
    }
    if (packets != (int64_t)merge_packets(m)) die("packets were lost or doubled");
    Reader r = {0};
    Frame f;
    size_t at = 0, used, need;
    r.on_context = ignore_context;
    while (reader_next(&r, data + at, size - at, 1, &used, &need, &f) == READ_FRAME) {
        at += used;
    }
    if ((int64_t)r.frames != packets || r.anomalies[A_bad_block] || r.anomalies[A_bad_record] || r.anomalies[A_truncated_file])
        die("the output is damaged");
    reader_free(&r);
    free(data);
}

void fuzz_merge(uint32_t times, int files, char **paths) {
    Seed *seeds = calloc((size_t)files, sizeof *seeds);
    if (!seeds) die("memory");
    uint32_t merged = 0;
    for (int i = 0; i < files; i++) seeds[i].data = slurp(paths[i], &seeds[i].size);
    for (uint32_t i = 0; i < times; i++) {
        Given given[4] = {0};
        uint32_t count = 1 + dice(4);
        int out = memfd_create("out", 0);
        Merge *m = merge_new(out, count, dice(2) ? 1 + dice(100) : 1 + dice(100000), 1 + dice(3));
        if (!m || out < 0) die("memory");
        for (uint32_t k = 0; k < count; k++) {
            Given *g = &given[k];
            char path[40];
            g->data = mutate(&seeds[dice((uint32_t)files)], &seeds[dice((uint32_t)files)], &g->size);
            g->file = dice(2) ? memfd_create("in", 0) : -1;
            if (g->file >= 0 && write(g->file, g->data, g->size) != (ssize_t)g->size) die("memory");
            snprintf(path, sizeof path, "/proc/self/fd/%d", g->file);
            if (!merge_add(m, &(MergeOrder){g->file < 0 ? NULL : path, "dr\xc3\xbcne", "a \xff", 6, dice(4), dice(2) && k})) die("memory");
        }
        MergeStatus status;
        while ((status = merge_step(m, dice(100000))) == MERGE_MORE || status == MERGE_HUNGRY)
            if (status == MERGE_HUNGRY) feed(m, &given[merge_at(m)], merge_at(m));
        if (status == MERGE_DONE) {
            check_merged(m, out, given, count);
            merged++;
        } else if (status != MERGE_NO_CAPTURE) die("an unexpected result");
        merge_free(m);
        close(out);
        for (uint32_t k = 0; k < count; k++) {
            if (given[k].file >= 0) close(given[k].file);
            free(given[k].data);
        }
    }
    printf("%u merges from %d seeds: %u made\n", times, files, merged);
    for (int i = 0; i < files; i++) free(seeds[i].data);
    free(seeds);
}
