/* Link layers. Link types: draft-ietf-opsawg-pcaplinktype; ethertypes: IANA, IEEE 802 Numbers. */
#include "walk.h"

/* IEEE 802.2 LLC; SNAP (RFC 1042) leads to an ethertype. */
static int llc(Decoder *d, Walk w, Packet *out, Walk *end) {
    if (w.cap < 3) FAIL(truncated(&w));
    uint32_t points = be16(w.p);
    if (points == 0x4242) FAIL(non_ip(&w, K_stp));
    if (points == 0xe0e0 || points == 0xffff) FAIL(non_ip(&w, K_ipx));
    if (points != 0xaaaa || w.p[2] != 3) FAIL(non_ip(&w, K_llc));
    if (w.cap < 8) FAIL(truncated(&w));
    uint32_t organisation = (uint32_t)w.p[3] << 16 | be16(w.p + 4), type = be16(w.p + 6);
    if (organisation != 0 && organisation != 0x0000f8)
        FAIL(non_ip(&w, organisation == 0x00000c && type == 0x2000 ? K_cdp : K_llc));
    advance(&w, 8);
    return ethertype_layer(d, w, type, out, end);
}

/* Protocol field (RFC 1661, 2), perhaps compressed to one byte (6.5). */
static int ppp_protocol(Decoder *d, Walk w, Packet *out, Walk *end) {
    if (w.cap < 1) FAIL(truncated(&w));
    uint32_t size = w.p[0] & 1 ? 1 : 2, protocol;
    if (w.cap < size) FAIL(truncated(&w));
    protocol = size == 1 ? w.p[0] : be16(w.p);
    advance(&w, size);
    switch (protocol) {
    case 0x0021: case 0x0057: return ip_layer(d, w, out, end);
    case 0x0281: case 0x0283: return mpls_layer(d, w, out, end);
    default: FAIL(non_ip(&w, protocol >= 0x8000 ? K_ppp_control : K_other));
    }
}

int ppp_layer(Decoder *d, Walk w, Packet *out, Walk *end) {
    if (w.cap < 2) FAIL(truncated(&w));
    if (w.p[0] == 0xff && w.p[1] == 0x03) advance(&w, 2);   /* RFC 1662, 3.1 */
    return ppp_protocol(d, w, out, end);
}

static int pppoe(Decoder *d, Walk w, Packet *out, Walk *end) {  /* RFC 2516, 4 */
    if (w.cap < 6) FAIL(truncated(&w));
    if (w.p[1]) FAIL(non_ip(&w, K_pppoe_discovery));
    advance(&w, 6);
    return ppp_protocol(d, w, out, end);
}

static int cisco_hdlc(Decoder *d, Walk w, Packet *out, Walk *end) {    /* RFC 1547, 4.3.1 */
    if (w.cap < 4) FAIL(truncated(&w));
    uint32_t type = be16(w.p + 2);
    if (type == 0x8035) FAIL(non_ip(&w, K_slarp));      /* the number is RARP's elsewhere */
    advance(&w, 4);
    return ethertype_layer(d, w, type, out, end);
}

int mpls_layer(Decoder *d, Walk w, Packet *out, Walk *end) {    /* RFC 3032, 2.1 */
    int bottom;
    do {
        if (w.cap < 4) FAIL(truncated(&w));
        bottom = w.p[2] & 1;
        advance(&w, 4);
    } while (!bottom);
    if (w.cap < 1) FAIL(truncated(&w));
    switch (w.p[0] >> 4) {
    case 4: case 6: return ip_layer(d, w, out, end);
    case 0:                                             /* pseudowire: control word (RFC 4385), then Ethernet */
        if (w.pseudowires++ == MAX_TUNNELS) FAIL(too_deep(&w));
        if (!advance(&w, 4)) FAIL(truncated(&w));
        return ethernet_layer(d, w, out, end);
    default: FAIL(non_ip(&w, K_other));
    }
}

int ethertype_layer(Decoder *d, Walk w, uint32_t type, Packet *out, Walk *end) {
    while (type == 0x8100 || type == 0x88a8 || type == 0x9100) {
        if (w.cap < 4) FAIL(truncated(&w));
        w.vlan = be16(w.p) & 0xfff;
        type = be16(w.p + 2);
        advance(&w, 4);
    }
    switch (type) {
    case 0x0800: case 0x86dd: return ip_layer(d, w, out, end);
    case 0x8847: case 0x8848: return mpls_layer(d, w, out, end);
    case 0x8864: return pppoe(d, w, out, end);
    case 0x8863: FAIL(non_ip(&w, K_pppoe_discovery));
    case 0x0806: FAIL(non_ip(&w, K_arp));
    case 0x8035: FAIL(non_ip(&w, K_rarp));
    case 0x88cc: FAIL(non_ip(&w, K_lldp));
    case 0x888e: FAIL(non_ip(&w, K_eapol));
    case 0x8137: FAIL(non_ip(&w, K_ipx));
    case 0x2000: FAIL(non_ip(&w, K_cdp));
    case 0x9000: FAIL(non_ip(&w, K_loopback));
    case 0x88e5: FAIL(non_ip(&w, K_macsec));
    default: FAIL(non_ip(&w, K_other));
    }
}

int ethernet_layer(Decoder *d, Walk w, Packet *out, Walk *end) {
    if (w.cap < 14) FAIL(truncated(&w));
    uint32_t type = be16(w.p + 12);
    w.mac_dst = w.p;
    w.mac_src = w.p + 6;
    advance(&w, 14);
    if (LIKELY(type >= 1536)) return ethertype_layer(d, w, type, out, end);
    if (type <= 1500) return llc(d, w, out, end);
    FAIL(non_ip(&w, K_other));
}

/* IEEE 802.11-2020, 9.2.4.1 and 9.3.2. */
int wifi_layer(Decoder *d, Walk w, int form, Packet *out, Walk *end) {
    if (w.cap < 2) FAIL(truncated(&w));
    uint32_t control = form & WIFI_SWAPPED ? w.p[1] : w.p[0], flags = form & WIFI_SWAPPED ? w.p[0] : w.p[1];
    uint32_t type = control >> 2 & 3, subtype = control >> 4;
    if (control & 3) FAIL(non_ip(&w, K_other));
    if (type == 0) FAIL(non_ip(&w, K_wifi_management));
    if (type == 1) FAIL(non_ip(&w, K_wifi_control));
    if (type != 2) FAIL(non_ip(&w, K_other));
    if (subtype & 4) FAIL(non_ip(&w, K_wifi_no_data));
    if (flags & 0x40) FAIL(non_ip(&w, K_wifi_encrypted));
    uint32_t size = 24, relayed = (flags & 3) == 3;
    if (relayed) size += 6;
    if (subtype & 8) size += flags & 0x80 ? 6 : 2;      /* QoS, HT control */
    if (form & WIFI_PADDED) size = (size + 3) & ~3u;
    if (w.cap < size) FAIL(truncated(&w));
    w.mac_dst = w.p + (flags & 1 ? 16 : 4);
    w.mac_src = w.p + (relayed ? 24 : flags & 1 ? 10 : flags & 2 ? 16 : 10);
    advance(&w, size);
    return llc(d, w, out, end);
}

/* https://www.radiotap.org: presence words, then fields; only TSFT (8 bytes, aligned) can precede the Flags. */
static int radiotap(Decoder *d, Walk w, Packet *out, Walk *end) {
    if (w.cap < 8) FAIL(truncated(&w));
    if (w.p[0]) FAIL(non_ip(&w, K_other));
    uint32_t size = le16(w.p + 2), present = le32(w.p + 4), word = present, at = 8, flags = 0;
    if (size > w.cap) FAIL(truncated(&w));
    if (size >= 8) {
        while (word & 0x80000000u && at + 4 <= size) {
            word = le32(w.p + at);
            at += 4;
        }
        if (present & 1) at = (at + 7) / 8 * 8 + 8;
        if (!(word & 0x80000000u) && present & 2 && at < size) flags = w.p[at];
    }
    advance(&w, size);
    if (flags & 0x40) FAIL(non_ip(&w, K_other));        /* bad FCS */
    if (flags & 0x10) limit(&w, w.wire > 4 ? w.wire - 4 : 0);
    return wifi_layer(d, w, flags & 0x20 ? WIFI_PADDED : 0, out, end);
}

/* Header with its length in bytes 4 to 7; AVS and Prism may stand behind either number. */
static int prism_or_avs(Decoder *d, Walk w, uint32_t link_type, Packet *out, Walk *end) {
    if (w.cap < 8) FAIL(truncated(&w));
    uint32_t code = le32(w.p), size = be32(w.p + 4);
    if (link_type == 119 && be32(w.p) >> 12 != 0x80211 && (code == 0x41 || code == 0x44)) size = le32(w.p + 4);
    if (!advance(&w, size)) FAIL(truncated(&w));
    return wifi_layer(d, w, 0, out, end);
}

static int address_family(Decoder *d, Walk w, int network_order, Packet *out, Walk *end) {
    if (w.cap < 4) FAIL(truncated(&w));
    uint32_t family = be32(w.p);
    if (!network_order && family > 0xffff) family = le32(w.p);      /* the capturing host's order */
    advance(&w, 4);
    switch (family) {
    case 2: case 10: case 24: case 28: case 30: return ip_layer(d, w, out, end);
    default: FAIL(non_ip(&w, K_other));
    }
}

/* LINKTYPE_LINUX_SLL and SLL2: what kind of address, where it is, the protocol, all before `size` bytes end. */
static int cooked(Decoder *d, Walk w, uint32_t size, uint32_t length_at, uint32_t address_at, uint32_t protocol_at, Packet *out, Walk *end) {
    if (w.cap < size) FAIL(truncated(&w));
    uint32_t protocol = be16(w.p + protocol_at), length = length_at == 4 ? be16(w.p + 4) : w.p[length_at];
    if (length == 6) w.mac_src = w.p + address_at;
    advance(&w, size);
    return protocol == 4 ? llc(d, w, out, end) : ethertype_layer(d, w, protocol, out, end);
}

static int ppi(Decoder *d, Walk w, Packet *out, Walk *end) {
    if (w.cap < 8) FAIL(truncated(&w));
    uint32_t size = le16(w.p + 2), inner = le32(w.p + 4);
    if (inner == 192) {                                 /* the format does not nest */
        ANOMALY(&w, unknown_link_type);
        FAIL(NF_unknown_link_type);
    }
    if (!advance(&w, size)) FAIL(truncated(&w));
    return link_layer(d, w, inner, out, end);
}

int link_layer(Decoder *d, Walk w, uint32_t link_type, Packet *out, Walk *end) {
    switch (link_type) {
    case 1: return ethernet_layer(d, w, out, end);
    case 12: case 14: case 101: case 228: case 229: return ip_layer(d, w, out, end);
    case 0: return address_family(d, w, 0, out, end);
    case 108: return address_family(d, w, 1, out, end);
    case 113: return cooked(d, w, 16, 4, 6, 14, out, end);
    case 276: return cooked(d, w, 20, 11, 12, 0, out, end);
    case 9: case 50:                                    /* PPP, whose frames may be Cisco's HDLC */
        if (w.cap && (w.p[0] == 0x0f || w.p[0] == 0x8f)) return cisco_hdlc(d, w, out, end);
        return ppp_layer(d, w, out, end);
    case 104:
        if (w.cap < 2) FAIL(truncated(&w));
        if (be16(w.p) == 0xff03) return ppp_layer(d, w, out, end);
        return cisco_hdlc(d, w, out, end);
    case 51: return pppoe(d, w, out, end);
    case 105: return wifi_layer(d, w, 0, out, end);
    case 127: return radiotap(d, w, out, end);
    case 119: case 163: return prism_or_avs(d, w, link_type, out, end);
    case 192: return ppi(d, w, out, end);
    default:
        ANOMALY(&w, unknown_link_type);
        FAIL(NF_unknown_link_type);
    }
}
