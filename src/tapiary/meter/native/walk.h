/* What the decoders share: a walk over one frame, from layer to layer. Private to decode.c, link.c, ip.c, tunnel.c. */
#ifndef TAPIARY_WALK_H
#define TAPIARY_WALK_H
#include "bytes.h"
#include "decode.h"

_Static_assert(A_COUNT <= 16, "Walk.anomalies has a bit for each");

enum { IN_FLOW = -1 };      /* otherwise the NF_* reason */

/* The rest of a frame from p on: what of it was captured, and how much there was on the wire. */
typedef struct {
    const uint8_t *p;
    uint32_t cap, wire;
    const uint8_t *mac_src, *mac_dst;
    uint32_t tunnels, depth, pseudowires;
    uint16_t vlan;
    uint16_t anomalies;     /* bit per A_* */
    uint8_t kind;           /* K_* when the result is NF_non_ip */
} Walk;

/* Every layer takes the walk by value and leaves in *end how far it came; it returns IN_FLOW, with *out filled, or a
   reason. A failed try inside a tunnel thus leaves nothing behind. */
int link_layer(Decoder *d, Walk w, uint32_t link_type, Packet *out, Walk *end);
int ethernet_layer(Decoder *d, Walk w, Packet *out, Walk *end);
int ethertype_layer(Decoder *d, Walk w, uint32_t type, Packet *out, Walk *end);
enum { WIFI_PADDED = 1, WIFI_SWAPPED = 2 };     /* header padded to 4 bytes; frame control's bytes swapped */
int wifi_layer(Decoder *d, Walk w, int form, Packet *out, Walk *end);
int ppp_layer(Decoder *d, Walk w, Packet *out, Walk *end);
int mpls_layer(Decoder *d, Walk w, Packet *out, Walk *end);
int ip_layer(Decoder *d, Walk w, Packet *out, Walk *end);
/* The packet inside an IP packet whose payload w is; NF_non_ip when there is none. */
int ip_tunnel(Decoder *d, const Walk *w, uint32_t version, uint32_t protocol, Packet *out, Walk *end);
int udp_tunnel(Decoder *d, const Walk *w, uint32_t sport, uint32_t dport, Packet *out, Walk *end);

#define ANOMALY(w, name) ((w)->anomalies |= (uint16_t)(1u << A_##name))
#define FAIL(reason) do { int fail_ = (reason); *end = w; return fail_; } while (0)

static inline int advance(Walk *w, uint32_t n) {
    if (n > w->cap) return 0;
    w->p += n;
    w->cap -= n;
    w->wire = w->wire > n ? w->wire - n : 0;
    return 1;
}

/* At most n bytes of the wire belong to this layer. */
static inline void limit(Walk *w, uint32_t n) {
    if (w->wire > n) w->wire = n;
    if (w->cap > n) w->cap = n;
}

static inline int non_ip(Walk *w, uint8_t kind) {
    w->kind = kind;
    return NF_non_ip;
}

static inline int truncated(Walk *w) {
    ANOMALY(w, truncated_header);
    return NF_truncated_header;
}

static inline int too_deep(Walk *w) {
    ANOMALY(w, too_many_tunnels);
    return NF_too_many_tunnels;
}

#endif
