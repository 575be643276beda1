/* Tunnels: is there a packet inside? What cannot be read as one leaves the outer packet to be accounted. */
#include "walk.h"

#define ON(d, tunnel) ((d)->tunnel_mask & TUNNEL_BIT_##tunnel)
#define TUNNEL_BIT_(name, text, bit) TUNNEL_BIT_##name = 1u << (bit),
enum { TUNNELS(TUNNEL_BIT_) };

/* The path gets one tunnel longer; the ninth is too much for anybody but an attacker. */
#define ENTER(w, tunnel)                                      \
    do {                                                      \
        if ((w).depth >= MAX_TUNNELS) FAIL(too_deep(&(w)));   \
        (w).tunnels |= (uint32_t)(tunnel) << 4 * (w).depth++; \
    } while (0)

static int gtp_u(Decoder *d, Walk w, Packet *out, Walk *end) {   /* 3GPP TS 29.281, 5.1 and 5.2 */
    if (w.cap < 8 || w.p[0] >> 5 != 1 || w.p[1] != 0xff) return NF_non_ip;
    uint32_t options = w.p[0] & 7, next = 0;
    advance(&w, 8);
    if (options) {
        if (w.cap < 4) return NF_non_ip;
        if (options & 4) next = w.p[3];
        advance(&w, 4);
    }
    while (next) {
        uint32_t size = w.cap ? w.p[0] * 4u : 0;
        if (size == 0 || size > w.cap) return NF_non_ip;
        next = w.p[size - 1];
        advance(&w, size);
    }
    ENTER(w, T_GTPU);
    return ip_layer(d, w, out, end);
}

static int tzsp(Decoder *d, Walk w, Packet *out, Walk *end) {   /* TaZmen Sniffer Protocol, version 1 */
    if (w.cap < 4 || w.p[0] != 1 || w.p[1] > 1) return NF_non_ip;
    uint32_t inner = be16(w.p + 2), tag;
    advance(&w, 4);
    do {
        if (w.cap < 1) return NF_non_ip;
        tag = w.p[0];
        if (tag > 1 && w.cap < 2) return NF_non_ip;
        if (!advance(&w, tag > 1 ? 2u + w.p[1] : 1)) return NF_non_ip;
    } while (tag != 1);
    if (inner != 1 && inner != 18) return NF_non_ip;
    ENTER(w, T_TZSP);
    return inner == 1 ? ethernet_layer(d, w, out, end) : wifi_layer(d, w, 0, out, end);
}

/* RFC 5415, 4.3. Some Cisco devices swap the two bytes of the 802.11 frame control field. */
static int capwap(Decoder *d, Walk w, Packet *out, Walk *end) {
    if (w.cap < 8) return NF_non_ip;
    uint32_t word = be32(w.p), size = (word >> 19 & 31) * 4;
    if (word >> 24 || size < 8 || word & 8 || (word & 0x80 && be16(w.p + 6) & 0xfff8)) return NF_non_ip;
    if (!advance(&w, size)) return NF_non_ip;
    ENTER(w, T_CAPWAP);
    if (!(word & 0x100)) return ethernet_layer(d, w, out, end);
    if (w.cap < 2) FAIL(truncated(&w));
    return wifi_layer(d, w, w.p[0] & 3 && !(w.p[1] & 3) ? WIFI_SWAPPED : 0, out, end);
}

static int vxlan(Decoder *d, Walk w, Packet *out, Walk *end) {   /* RFC 7348, 5 */
    if (w.cap < 8 || !(w.p[0] & 8)) return NF_non_ip;
    advance(&w, 8);
    ENTER(w, T_VXLAN);
    return ethernet_layer(d, w, out, end);
}

static int geneve(Decoder *d, Walk w, Packet *out, Walk *end) {  /* RFC 8926, 3.4 */
    if (w.cap < 4 || w.p[0] >> 6) return NF_non_ip;
    uint32_t type = be16(w.p + 2);
    if (!advance(&w, 8 + (w.p[0] & 63) * 4u)) return NF_non_ip;
    if (type != 0x6558 && type != 0x0800 && type != 0x86dd) return NF_non_ip;
    ENTER(w, T_GENEVE);
    return type == 0x6558 ? ethernet_layer(d, w, out, end) : ip_layer(d, w, out, end);
}

static int l2tp(Decoder *d, Walk w, Packet *out, Walk *end) {    /* RFC 2661, 3.1: data messages of version 2 */
    if (w.cap < 2) return NF_non_ip;
    uint32_t flags = be16(w.p), size = 6 + (flags & 0x4000 ? 2 : 0) + (flags & 0x0800 ? 4 : 0);
    if (flags & 0x8000 || (flags & 15) != 2 || flags & 0x34f0) return NF_non_ip;
    if (!advance(&w, size)) return NF_non_ip;
    if (flags & 0x0200 && (w.cap < 2 || !advance(&w, 2u + be16(w.p)))) return NF_non_ip;
    ENTER(w, T_L2TP);
    return ppp_layer(d, w, out, end);
}

/* RFC 2784, 2; RFC 2890, 2; source routes of RFC 1701; version 1 is PPTP's (RFC 2637, 4.1). */
static int gre(Decoder *d, Walk w, Packet *out, Walk *end) {
    if (w.cap < 4) return NF_non_ip;
    uint32_t flags = be16(w.p), type = be16(w.p + 2), routed = flags & 0x4000, sequence = flags & 0x1000;
    uint32_t size = 4 + (flags & 0xc000 ? 4 : 0) + (flags & 0x2000 ? 4 : 0) + (sequence ? 4 : 0);
    if ((flags & 7) == 1) {
        if (type != 0x880b || !(flags & 0x2000) || !sequence) return NF_non_ip;
        size = flags & 0x80 ? 16 : 12;
        routed = 0;
    } else if (flags & 7) return NF_non_ip;
    if (!advance(&w, size)) return NF_non_ip;
    while (routed) {
        if (w.cap < 4) return NF_non_ip;
        routed = be16(w.p) || w.p[3];
        if (!advance(&w, 4u + w.p[3])) return NF_non_ip;
    }
    if (type == 0x88be && sequence && !advance(&w, 8)) return NF_non_ip;    /* ERSPAN type II; type I has no header */
    switch (type) {
    case 0x0800: case 0x86dd: case 0x6558: case 0x88be: case 0x8847: case 0x8848: case 0x880b: break;
    default: return NF_non_ip;
    }
    if (type == 0x880b && (flags & 7) != 1) return NF_non_ip;
    ENTER(w, T_GRE);
    switch (type) {
    case 0x0800: case 0x86dd: return ip_layer(d, w, out, end);
    case 0x8847: case 0x8848: return mpls_layer(d, w, out, end);
    case 0x880b: return ppp_layer(d, w, out, end);
    default: return ethernet_layer(d, w, out, end);
    }
}

static int ip_in_ip(Decoder *d, Walk w, uint32_t tunnel, Packet *out, Walk *end) {
    ENTER(w, tunnel);
    return ip_layer(d, w, out, end);
}

int ip_tunnel(Decoder *d, const Walk *w, uint32_t version, uint32_t protocol, Packet *out, Walk *end) {
    if (protocol == 4 && ON(d, IPIP)) return ip_in_ip(d, *w, version == 4 ? T_IPIP : T_T4IN6, out, end);
    if (protocol == 41 && ON(d, IPIP)) return ip_in_ip(d, *w, version == 4 ? T_T6IN4 : T_T6IN6, out, end);
    if (protocol == 47 && ON(d, GRE)) return gre(d, *w, out, end);
    return NF_non_ip;
}

int udp_tunnel(Decoder *d, const Walk *w, uint32_t sport, uint32_t dport, Packet *out, Walk *end) {
    int r = NF_non_ip;
#define TRY(tunnel, condition, decode)                                    \
    if (ON(d, tunnel) && (condition)) {                                   \
        r = decode(d, *w, out, end);                                      \
        if (r == IN_FLOW || r == NF_too_many_tunnels) return r;           \
    }
    TRY(GTPU, sport == 2152 || dport == 2152, gtp_u)
    TRY(TZSP, sport == 37008 || dport == 37008, tzsp)
    TRY(CAPWAP, sport == 5247 || dport == 5247, capwap)
    TRY(VXLAN, dport == 4789, vxlan)
    TRY(GENEVE, dport == 6081, geneve)
    TRY(L2TP, sport == 1701 || dport == 1701, l2tp)
#undef TRY
    return r;
}
