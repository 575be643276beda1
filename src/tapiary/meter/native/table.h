/* The live flows of one shard: packets in, finished flows as rows out. One thread at a time. */
#ifndef TAPIARY_TABLE_H
#define TAPIARY_TABLE_H
#include <stdint.h>
#include "decode.h"
#include "label.h"
#include "rows.h"

typedef enum { ENDED_IDLE, ENDED_ACTIVE, ENDED_TCP_CLOSE, ENDED_CAPTURE } Ended;

typedef struct {
    int64_t idle_us, active_us;
    uint32_t dissections;       /* packets of a flow that nDPI sees at most; 0: no labels */
    uint32_t groups;            /* GROUP_* */
    uint32_t sequence_packets;  /* how many first packets the sequence keeps */
    int tcp_close, index;
} TableSettings;

typedef struct Table Table;

/* Receives each full batch and index; takes over their memory. */
typedef void (*Deliver)(void *context, Batch *batch, IndexRows *index);

Table *table_new(const TableSettings *settings, const Ndpi *ndpi, void *dissector, Deliver deliver, void *context);
void table_free(Table *t);
void table_packets(Table *t, const Packet *packets, const uint32_t *order, uint32_t n);
void table_flush(Table *t, int64_t now);    /* the capture ended at now: ends all flows, delivers what is left */
int table_failed(const Table *t);   /* memory ran out */
uint64_t table_flows(const Table *t);       /* begun so far */
uint64_t table_dissections(const Table *t); /* calls of nDPI so far */

#endif
