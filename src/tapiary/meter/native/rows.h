/* Finished flows as columns, and rows of the packet index: what the door hands to Arrow without copying. */
#ifndef TAPIARY_ROWS_H
#define TAPIARY_ROWS_H
#include <stddef.h>
#include <stdint.h>
#include "label.h"

#define BATCH_ROWS 16384u            /* enough for Arrow's calls to cost nothing, few enough to be written while metering */

/* X(C type, name); the door checks them against the project's list of flow columns. Columns with a letter in front
   of their name are codes or bitmaps that the door turns into Arrow's form. */
#define CORE_COLUMNS(X)                                                                                       \
    X(int64_t, flow_id) X(int16_t, ip_version) X(int16_t, protocol) X(int16_t, vlan) X(uint32_t, code_tunnel)         \
    X(int32_t, client_port) X(int32_t, server_port) X(int64_t, client_mac) X(int64_t, server_mac)                     \
    X(int64_t, first_seen) X(int64_t, last_seen) X(int64_t, client_duration_us) X(int64_t, server_duration_us)        \
    X(int64_t, server_delay_us) X(int64_t, client_packets) X(int64_t, server_packets) X(int64_t, client_bytes)        \
    X(int64_t, server_bytes) X(int64_t, client_wire_bytes) X(int64_t, server_wire_bytes)                              \
    X(int64_t, client_payload_bytes) X(int64_t, server_payload_bytes) X(int16_t, client_tcp_flags)                    \
    X(int16_t, server_tcp_flags) X(int32_t, client_retransmissions) X(int32_t, server_retransmissions)                \
    X(uint32_t, code_label) X(uint32_t, code_category) X(uint32_t, code_confidence) X(int64_t, risks)                 \
    X(uint32_t, code_ended)
#define FLAG_COLUMNS(X)                                                                                       \
    X(int32_t, client_syn_packets) X(int32_t, server_syn_packets) X(int32_t, client_cwr_packets)                      \
    X(int32_t, server_cwr_packets) X(int32_t, client_ece_packets) X(int32_t, server_ece_packets)                      \
    X(int32_t, client_urg_packets) X(int32_t, server_urg_packets) X(int32_t, client_ack_packets)                      \
    X(int32_t, server_ack_packets) X(int32_t, client_psh_packets) X(int32_t, server_psh_packets)                      \
    X(int32_t, client_rst_packets) X(int32_t, server_rst_packets) X(int32_t, client_fin_packets)                      \
    X(int32_t, server_fin_packets)
#define SUMMARY(X, type, stem)                                                                                \
    X(type, stem##_min) X(double, stem##_mean) X(double, stem##_std) X(type, stem##_max)
#define SIZE_COLUMNS(X) SUMMARY(X, int32_t, size) SUMMARY(X, int32_t, client_size) SUMMARY(X, int32_t, server_size)
#define TIME_COLUMNS(X) SUMMARY(X, int64_t, gap_us) SUMMARY(X, int64_t, client_gap_us) SUMMARY(X, int64_t, server_gap_us)
/* Bitmaps of the rows that have a value. */
#define VALID_COLUMNS(X) X(valid_client_mac) X(valid_server_mac) X(valid_server_delay_us)

typedef struct {
    int32_t *offsets;       /* rows + 1 */
    uint8_t *valid;
    char *data;
    size_t size, room;
} StringColumn;

typedef struct {
#define MEMBER(type, name) type *name;
    CORE_COLUMNS(MEMBER) FLAG_COLUMNS(MEMBER) SIZE_COLUMNS(MEMBER) TIME_COLUMNS(MEMBER)
#undef MEMBER
#define MEMBER(name) uint8_t *name;
    VALID_COLUMNS(MEMBER)
#undef MEMBER
    uint8_t *client_ip, *server_ip;     /* 16 bytes each */
    StringColumn strings[S_COUNT];
    int32_t *sequence_offsets;          /* rows + 1 */
    int32_t *packet_sizes, *packet_times;
    size_t sequence_size, sequence_room;
    uint32_t rows;
} Batch;

typedef struct {
    int64_t *flow_id, *first_frame;
    int32_t *frame_count, *offsets;     /* offsets: rows + 1 */
    uint8_t *data;
    uint32_t rows, room;
    size_t size, data_room;
} IndexRows;

enum { GROUP_FLAGS = 1, GROUP_SIZES = 2, GROUP_TIMES = 4, GROUP_SEQUENCE = 8 };

typedef struct { const char *name; char kind; size_t member; uint32_t group; } ColumnInfo;
extern const ColumnInfo COLUMN_INFO[];  /* kind: h i q (16, 32, 64 bits), I (code), d (double), b (bitmap); ends with NULL */

Batch *batch_new(uint32_t groups);
void batch_free(Batch *b);
int batch_string(StringColumn *c, uint32_t row, const char *text, uint32_t size);
int batch_sequence(Batch *b, const int32_t *sizes, const int32_t *times, uint32_t n);

IndexRows *index_rows_new(void);
void index_rows_free(IndexRows *r);
/* Appends a row and returns where its size bytes go, NULL without memory. */
uint8_t *index_rows_add(IndexRows *r, int64_t flow_id, int64_t first_frame, uint32_t count, size_t size);

#endif
