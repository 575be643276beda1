/* IP, fragments and transport headers: where a frame's walk ends in a flow key. */
#include "walk.h"

typedef struct {
    uint32_t version, protocol, header, claimed;    /* claimed: bytes behind the headers, by the IP header */
    uint32_t total;                                 /* bytes of the IP packet, by its header */
    uint64_t src[2], dst[2];
    uint32_t id, fragment_protocol, more, offset;   /* of fragments */
    int cut;                                        /* the transport header could not be reached */
} Ip;

typedef struct { uint16_t sport, dport; } Ports;

static int ipv4(Walk *w, Ip *ip) {                  /* RFC 791, 3.1 */
    if (w->cap < 20) return truncated(w);
    uint32_t header = (w->p[0] & 15u) * 4;
    ip->total = be16(w->p + 2);
    if (ip->total == 0) ip->total = w->wire;        /* segmentation offload: captured before the card fills it in */
    if (header >= 20 && header > w->cap) return truncated(w);
    if (header < 20 || ip->total < header) {
        ANOMALY(w, bad_ip_length);
        return NF_bad_ip_length;
    }
    if (ip->total > w->wire) ANOMALY(w, bad_ip_length);
    ip->protocol = ip->fragment_protocol = w->p[9];
    ip->header = header;
    ip->claimed = ip->total - header;
    static const uint8_t mapped[4] = {0, 0, 0xff, 0xff};
    ip->src[0] = ip->dst[0] = 0;
    memcpy(&ip->src[1], mapped, 4);
    memcpy((uint8_t *)&ip->src[1] + 4, w->p + 12, 4);
    memcpy(&ip->dst[1], mapped, 4);
    memcpy((uint8_t *)&ip->dst[1] + 4, w->p + 16, 4);
    ip->id = be16(w->p + 4);
    ip->more = w->p[6] & 0x20;
    ip->offset = be16(w->p + 6) & 0x1fff;
    return IN_FLOW;
}

static int is_extension(uint32_t header) {
    return header == 0 || header == 43 || header == 44 || header == 60 || header == 135 || header == 139 || header == 140;
}

static int ipv6(Walk *w, Ip *ip) {                  /* RFC 8200, 3 and 4 */
    if (w->cap < 40) return truncated(w);
    uint32_t next = w->p[6], claimed = be16(w->p + 4), at = 40, headers = 0;
    if (claimed == 0) claimed = w->wire - 40;       /* jumbogram (RFC 2675) or segmentation offload */
    ip->total = claimed + 40;
    if (ip->total > w->wire) ANOMALY(w, bad_ip_length);
    uint32_t end = ip->total < w->cap ? ip->total : w->cap;
    ip->src[0] = raw64(w->p + 8);
    ip->src[1] = raw64(w->p + 16);
    ip->dst[0] = raw64(w->p + 24);
    ip->dst[1] = raw64(w->p + 32);
    while (is_extension(next)) {
        const uint8_t *h = w->p + at;
        uint32_t left = end - at, size = next == 44 || left < 2 ? 8 : (h[1] + 1u) * 8;
        if (++headers > 16) ANOMALY(w, ipv6_extension_loop);
        else if (left < size) ANOMALY(w, truncated_header);
        if (headers > 16 || left < size) {
            ip->cut = 1;
            break;
        }
        if (next == 44) {
            ip->offset = be16(h + 2) & 0xfff8;
            ip->more = h[3] & 1;
            ip->id = be32(h + 4);
            ip->fragment_protocol = h[0];
        }
        next = h[0];
        at += size;
        claimed -= size;
        if (ip->offset) break;                      /* what follows is no header */
    }
    ip->protocol = next;
    ip->header = at;
    ip->claimed = claimed;
    return IN_FLOW;
}

/* ---- fragments: ports are known from the first one only */

static inline uint64_t fold(uint64_t a, uint64_t b) {
    unsigned __int128 r = (unsigned __int128)a * b;
    return (uint64_t)r ^ (uint64_t)(r >> 64);
}

/* Folded multiplications with secret operands: an attacker who chooses five-tuples cannot aim at a slot. */
static inline uint64_t keyed_hash(const Decoder *d, const uint64_t *k) {
    const uint64_t *s = d->seed;
    uint64_t h = fold(fold(k[0] ^ s[0], k[1] ^ s[1]) ^ fold(k[2] ^ s[2], k[3] ^ s[3]) ^ s[4], k[4] ^ s[3]);
    return h ^ h >> 29;
}

static void fragment_key(const Walk *w, const Ip *ip, uint64_t *key) {
    memcpy(key, ip->src, 16);
    memcpy(key + 2, ip->dst, 16);
    key[4] = ip->id | (uint64_t)w->vlan << 32 | (uint64_t)ip->fragment_protocol << 48 | (uint64_t)ip->version << 56;
}

static uint16_t *fragment_link(Decoder *d, const uint64_t *key) {   /* the link that leads to it, or the chain's end */
    uint16_t *link = &d->buckets[keyed_hash(d, key) % FRAGMENTS];
    while (*link && memcmp(d->fragments[*link - 1].key, key, 40)) link = &d->fragments[*link - 1].next;
    return link;
}

static void forget_fragment(Decoder *d, uint16_t *link) {
    Fragment *f = &d->fragments[*link - 1];
    *link = f->next;
    f->used = 0;
}

static void remember_fragment(Decoder *d, const uint64_t *key, int64_t time, uint32_t protocol, Ports ports) {
    uint16_t *link = fragment_link(d, key);
    if (*link) forget_fragment(d, link);            /* a repeated first fragment is the newest again */
    uint16_t at = (uint16_t)(d->fragment_next++ % FRAGMENTS);
    Fragment *f = &d->fragments[at];
    if (f->used) forget_fragment(d, fragment_link(d, f->key));
    memcpy(f->key, key, sizeof f->key);
    f->time = time;
    f->sport = ports.sport;
    f->dport = ports.dport;
    f->protocol = (uint8_t)protocol;
    f->used = 1;
    f->next = 0;
    *fragment_link(d, key) = (uint16_t)(at + 1);
}

/* ---- transport */

static int has_ports(uint32_t protocol) {
    return protocol == 6 || protocol == 17 || protocol == 33 || protocol == 132 || protocol == 136;
}

static uint32_t beyond(uint32_t size, uint32_t header) { return size > header ? size - header : 0; }

/* What carries the payload at least; taken where the header itself was not captured. */
static uint32_t least_header(uint32_t protocol) {
    switch (protocol) {
    case 6: return 20;
    case 33: case 132: return 12;                   /* RFC 4340, 5.1; RFC 9260, 3 */
    case 1: case 17: case 58: case 136: return 8;   /* RFC 792, 768, 4443, 3828 */
    default: return 0;
    }
}

/* Ports, flags and payload from the transport header, of which w holds what was captured. */
static Ports transport(Walk *w, const Ip *ip, Packet *out) {
    const uint8_t *p = w->p;
    uint32_t size = ip->claimed, offset;
    out->tcp_flags = out->has_seq = out->fragment = 0;
    out->seq = 0;
    out->payload = beyond(size, least_header(ip->protocol));
    if (!has_ports(ip->protocol)) return (Ports){0, 0};
    if (ip->cut) {
        out->payload = size;
        return (Ports){0, 0};
    }
    if (w->cap < 4) {
        ANOMALY(w, truncated_header);
        return (Ports){0, 0};
    }
    switch (ip->protocol) {
    case 6:                                         /* RFC 9293, 3.1 */
        if (w->cap < 14) {
            ANOMALY(w, truncated_header);
            break;
        }
        out->tcp_flags = p[13];
        out->seq = be32(p + 4);
        out->has_seq = 1;
        offset = (p[12] >> 4) * 4u;
        if (offset < 20 || offset > size) ANOMALY(w, bad_tcp_offset);
        out->payload = beyond(size, offset);
        break;
    case 17:                                        /* RFC 768; 0 stands for a jumbogram (RFC 2675, 4) */
        if (w->cap >= 6 && be16(p + 4) < 8) ANOMALY(w, bad_udp_length);
        break;
    case 33:                                        /* RFC 4340, 5.1: the data's offset in words */
        if (w->cap >= 5) out->payload = beyond(size, p[4] * 4u);
        break;
    default: break;
    }
    return (Ports){be16(p), be16(p + 2)};
}

static void set_key(const Decoder *d, const Walk *w, const Ip *ip, Ports ports, Packet *out) {
    const uint64_t *a = ip->src, *b = ip->dst;
    uint32_t low = ports.sport, high = ports.dport;
    int swap = a[0] != b[0] ? a[0] > b[0] : a[1] != b[1] ? a[1] > b[1] : low > high;
    if (swap) {
        a = ip->dst;
        b = ip->src;
        low = ports.dport;
        high = ports.sport;
    }
    memcpy(out->key, a, 16);
    memcpy(out->key + 2, b, 16);
    out->key[4] = low | (uint64_t)high << 16 | (uint64_t)w->vlan << 32 | (uint64_t)ip->protocol << 48 | (uint64_t)ip->version << 56;
    out->reversed = (uint8_t)swap;
    out->hash = keyed_hash(d, out->key);
}

int ip_layer(Decoder *d, Walk w, Packet *out, Walk *end) {
    if (w.cap < 1) FAIL(truncated(&w));
    Ip ip;
    ip.version = w.p[0] >> 4;
    ip.id = ip.more = ip.offset = ip.fragment_protocol = 0;
    ip.cut = 0;
    int r = NF_unknown_ip_version;
    if (LIKELY(ip.version == 4)) r = ipv4(&w, &ip);
    else if (ip.version == 6) r = ipv6(&w, &ip);
    else ANOMALY(&w, unknown_ip_version);
    if (UNLIKELY(r != IN_FLOW)) FAIL(r);

    Walk body = w;
    limit(&body, ip.total);
    advance(&body, ip.header);
    limit(&body, ip.claimed);
    Ports ports = {0, 0};
    if (UNLIKELY(ip.offset)) {
        uint64_t key[5];
        fragment_key(&w, &ip, key);
        uint16_t at = *fragment_link(d, key);
        const Fragment *first = at ? &d->fragments[at - 1] : NULL;
        if (first && out->time - first->time <= FRAGMENT_LIFE_US) {
            ports = (Ports){first->sport, first->dport};
            ip.protocol = first->protocol;
        } else ANOMALY(&body, orphan_fragment);
        out->tcp_flags = out->has_seq = 0;
        out->seq = 0;
        out->fragment = 1;
        out->payload = ip.claimed;
    } else {
        if (!ip.cut) {
            r = ip_tunnel(d, &body, ip.version, ip.protocol, out, end);
            if (r == IN_FLOW || r == NF_too_many_tunnels) return r;
            if (ip.protocol == 17 && body.cap >= 8 && d->tunnel_mask) {
                Walk inner = body;
                advance(&inner, 8);
                r = udp_tunnel(d, &inner, be16(body.p), be16(body.p + 2), out, end);
                if (r == IN_FLOW || r == NF_too_many_tunnels) return r;
            }
        }
        ports = transport(&body, &ip, out);
        if (UNLIKELY(ip.more && has_ports(ip.protocol) && body.cap >= 4 && !ip.cut)) {
            uint64_t key[5];
            fragment_key(&w, &ip, key);
            remember_fragment(d, key, out->time, ip.protocol, ports);
        }
    }
    out->ip = w.p;
    out->captured = w.cap;
    out->ip_bytes = ip.total;
    out->mac_src = w.mac_src;
    out->mac_dst = w.mac_dst;
    out->tunnels = w.tunnels;
    set_key(d, &w, &ip, ports, out);
    *end = body;
    return IN_FLOW;
}
