/* One frame in, the flow key and sizes of its innermost IP packet out. */
#ifndef TAPIARY_DECODE_H
#define TAPIARY_DECODE_H
#include <stddef.h>
#include <stdint.h>
#include "names.h"

/* What the flow table needs of one packet. Addresses are 16 bytes, IPv4 as ::ffff:a.b.c.d. */
typedef struct {
    uint64_t key[5];        /* lower end's address (2), higher end's address (2), ports|vlan|protocol|version */
    uint64_t hash;
    int64_t time;           /* microseconds since 1970, never going back */
    uint64_t frame;         /* from 1 */
    const uint8_t *ip;      /* innermost IP header, within the block */
    const uint8_t *mac_src, *mac_dst;   /* NULL where the link has none */
    uint32_t captured;      /* bytes captured from ip on */
    uint32_t wire;          /* bytes of the whole frame on the wire */
    uint32_t ip_bytes;      /* by the IP header */
    uint32_t payload;       /* bytes that the transport protocol carries */
    uint32_t seq;           /* TCP sequence number */
    uint32_t tunnels;       /* 4 bits a tunnel, outermost lowest; T_* */
    uint8_t reversed;       /* sent by the key's higher end */
    uint8_t tcp_flags;
    uint8_t has_seq;        /* seq and flags were captured */
    uint8_t fragment;       /* a fragment that is not the first: carries no transport header */
} Packet;

#define FRAGMENTS 4096      /* first fragments remembered at a time; the oldest goes first */
#define FRAGMENT_LIFE_US 30000000   /* RFC 791, 3.2 proposes 15 s, Linux waits 30 s */
#define MAX_TUNNELS 8       /* packets within packets: deeper nesting is an attack or noise */

typedef struct {
    uint64_t key[5];        /* source, destination, id|vlan|protocol|version */
    int64_t time;
    uint16_t sport, dport;
    uint16_t next;          /* chain of the bucket, index + 1 */
    uint8_t protocol, used; /* behind all extension headers */
} Fragment;

typedef struct {
    uint64_t seed[5];       /* secret of the table's hash */
    uint32_t tunnel_mask;
    uint64_t anomalies[A_COUNT], not_flows[NF_COUNT], non_ip[K_COUNT];
    uint32_t fragment_next;
    uint16_t buckets[FRAGMENTS];
    Fragment fragments[FRAGMENTS];
} Decoder;

/* Decodes one frame into *out (time and frame number must be set); returns 1 when the packet belongs to a flow,
   else 0, counted. Never reads beyond data[0..captured). */
int decode_frame(Decoder *d, uint32_t link_type, const uint8_t *data, uint32_t captured, uint32_t wire, Packet *out);

#endif
