/* The whole meter behind one door: bytes of a capture in, batches of rows out. The caller's thread reads and decodes;
   worker threads, one a shard, keep the flows. Flows are sharded by a fixed hash so that results repeat. */
#ifndef TAPIARY_ENGINE_H
#define TAPIARY_ENGINE_H
#include "label.h"
#include "reader.h"
#include "rows.h"
#include "table.h"

#define MAX_SHARDS 64
#define OTHER_LINKS 0xffffffffu     /* in the place of a link type: those beyond the ones that are counted singly */
#define ANCHOR_FRAMES 64            /* every how many frames the index keeps a byte offset */

typedef struct {
    TableSettings table;
    uint32_t tunnel_mask, shards;
    uint64_t seed[5];               /* of the flow table's hash; must be random */
    Ndpi ndpi;
    void *dissectors[MAX_SHARDS];
} EngineSettings;

typedef struct { Batch *batch; IndexRows *rows; } Output;

typedef struct {
    uint64_t frames, bytes, flows, dissections;
    int64_t first_time, last_time;  /* earliest and latest of all packets; -1: none */
    Format format;
    uint64_t anomalies[A_COUNT], not_flows[NF_COUNT], non_ip[K_COUNT];
} EngineCounts;

typedef enum { ENGINE_OK, ENGINE_NO_CAPTURE, ENGINE_NO_MEMORY, ENGINE_STOPPED, ENGINE_READ_ERROR } EngineResult;
typedef enum { TAKE_OVER, TAKE_SOME, TAKE_NOT_YET } TakeResult;

typedef struct Engine Engine;

/* One thread feeds, another takes; counts may be asked for by any. */
Engine *engine_new(const EngineSettings *settings);
/* Where up to *room bytes may be read to; waits for a free block and for finished rows to be taken.
   NULL without memory or when stopped. */
uint8_t *engine_reserve(Engine *e, size_t *room);
/* The next n bytes stand where engine_reserve said; last: the capture ends behind them. */
EngineResult engine_feed(Engine *e, size_t n, int last);
/* Reads the descriptor to its end and feeds it; errno holds the cause of ENGINE_READ_ERROR. */
EngineResult engine_read(Engine *e, int descriptor);
/* TAKE_SOME: out holds finished rows, to be freed by the caller; waits at most ms for them. */
TakeResult engine_take(Engine *e, int ms, Output *out);
/* Ends everything early: the feeder is refused, the taker told that it is over. */
void engine_stop(Engine *e);
void engine_counts(Engine *e, EngineCounts *out);
/* Packets by link type: up to room pairs; returns how many there are. */
uint32_t engine_link_types(Engine *e, uint32_t *types, uint64_t *packets, uint32_t room);
int engine_failed(Engine *e);
/* No other thread may be in any call. */
void engine_free(Engine *e);

#endif
