/* pcap: https://www.ietf.org/archive/id/draft-ietf-opsawg-pcap; pcapng: draft-ietf-opsawg-pcapng. */
#include <stdlib.h>
#include "bytes.h"
#include "reader.h"

#define COUNT(r, name) ((r)->anomalies[A_##name]++)

static int64_t clamp_time(Reader *r, __int128 us) {
    if (us < 0 || us > MAX_TIME_US) {
        COUNT(r, time_out_of_range);
        return us < 0 ? 0 : MAX_TIME_US;
    }
    return (int64_t)us;
}

static ReadResult stop(Reader *r) {
    r->stopped = 1;
    return READ_STOP;
}

static ReadResult torn(Reader *r, size_t size, int last) {
    if (!last) return READ_MORE;
    if (size) COUNT(r, truncated_file);
    return stop(r);
}

static ReadResult pcap_header(Reader *r, const uint8_t *data, size_t size, int last, size_t *used) {
    if (size < 24) {
        if (last) return READ_NO_CAPTURE;
        return READ_MORE;
    }
    Interface *one = calloc(1, sizeof *one);
    if (!one) return READ_NO_MEMORY;
    uint32_t magic = be32(data);
    r->big = magic == 0xa1b2c3d4u || magic == 0xa1b23c4du;
    one->units = magic == 0xa1b2c3d4u || magic == 0xd4c3b2a1u ? 1000000 : 1000000000;
    one->snaplen = get32(data + 16, r->big);
    one->link_type = get32(data + 20, r->big) & 0xffff;     /* the upper bits tell of the FCS */
    r->interfaces = one;
    r->interface_count = 1;
    r->format = FORMAT_PCAP;
    *used = 24;
    return READ_FRAME;
}

static ReadResult pcap_record(Reader *r, const uint8_t *data, size_t size, int last, size_t *used, size_t *need, Frame *out) {
    if (size < 16) return torn(r, size, last);
    uint32_t seconds = get32(data, r->big), fraction = get32(data + 4, r->big);
    uint32_t captured = get32(data + 8, r->big), wire = get32(data + 12, r->big);
    if (captured > MAX_FRAME) {
        COUNT(r, bad_record);
        return stop(r);
    }
    if (size - 16 < captured) {
        *need = 16 + (size_t)captured;
        return torn(r, size, last);
    }
    uint32_t us = r->interfaces->units == 1000000 ? fraction : fraction / 1000;
    out->frame = ++r->frames;
    out->offset = r->offset;
    out->time = (int64_t)seconds * 1000000 + us;
    out->data = data + 16;
    out->record = data;
    out->interface = 0;
    out->captured = captured;
    out->wire = wire < captured ? captured : wire;
    out->link_type = r->interfaces->link_type;
    *used = 16 + (size_t)captured;
    return READ_FRAME;
}

/* Interface description block: link type, snaplen, options if_tsresol (9) and if_tsoffset (14). */
static int add_interface(Reader *r, const uint8_t *body, uint32_t size) {
    if (size < 8) return 0;
    if (r->interface_count == r->interface_room) {
        uint32_t room = r->interface_room ? r->interface_room * 2 : 4;
        if (room > MAX_INTERFACES) return 0;
        Interface *more = realloc(r->interfaces, room * sizeof *more);
        if (!more) return -1;
        r->interfaces = more;
        r->interface_room = room;
    }
    Interface *one = &r->interfaces[r->interface_count++];
    one->link_type = get16(body, r->big);
    one->snaplen = get32(body + 4, r->big);
    one->units = 1000000;
    one->offset_s = 0;
    uint32_t at = 8;
    while (at + 4 <= size) {
        uint32_t code = get16(body + at, r->big), length = get16(body + at + 2, r->big);
        at += 4;
        if (code == 0 || length > size - at) break;
        if (code == 9 && length == 1) {
            uint32_t exponent = body[at] & 0x7f;
            one->units = 1;
            if (body[at] & 0x80) one->units = exponent < 64 ? 1ull << exponent : 0;
            else for (uint32_t i = 0; i < exponent; i++) one->units = exponent < 20 ? one->units * 10 : 0;
        } else if (code == 14 && length == 8) one->offset_s = (int64_t)get64(body + at, r->big);
        at += (length + 3) & ~3u;
    }
    return 1;
}

static int64_t interface_time(Reader *r, const Interface *one, uint64_t stamp) {
    if (one->units == 0) {          /* a resolution finer than 64 bits hold: only the offset is left */
        return clamp_time(r, (__int128)one->offset_s * 1000000);
    }
    __int128 us = (__int128)stamp * 1000000 / one->units;
    return clamp_time(r, us + (__int128)one->offset_s * 1000000);
}

/* One whole pcapng block with a packet in it. Returns 0 when it is malformed, -1 when too large. */
static int packet_block(Reader *r, uint32_t type, const uint8_t *block, uint32_t length, Frame *out) {
    uint32_t header = type == 3 ? 12 : 28, id = 0, captured, wire;
    if (length < header + 4) return 0;
    if (type == 6) id = get32(block + 8, r->big);
    else if (type == 2) id = get16(block + 8, r->big);
    if (id >= r->interface_count) return 0;
    const Interface *one = &r->interfaces[id];
    if (type == 3) {                /* simple packet block: cut to the snaplen, no time */
        wire = get32(block + 8, r->big);
        captured = one->snaplen && wire > one->snaplen ? one->snaplen : wire;
        if (captured > length - header - 4) captured = length - header - 4;
        out->time = r->last_time;
    } else {
        uint64_t stamp = (uint64_t)get32(block + 12, r->big) << 32 | get32(block + 16, r->big);
        captured = get32(block + 20, r->big);
        wire = get32(block + 24, r->big);
        out->time = interface_time(r, one, stamp);
    }
    if (captured > MAX_FRAME) return -1;
    if (captured > length - header - 4) return 0;
    r->last_time = out->time;
    out->frame = ++r->frames;
    out->offset = r->offset;
    out->data = block + header;
    out->record = block;
    out->interface = id;
    out->captured = captured;
    out->wire = wire < captured ? captured : wire;
    out->link_type = one->link_type;
    return 1;
}

static ReadResult bad_block(Reader *r) {
    COUNT(r, bad_block);
    return stop(r);
}

static ReadResult pcapng_block(Reader *r, const uint8_t *data, size_t size, int last, size_t *used, size_t *need, Frame *out) {
    *used = 0;
    if (size < 12) return torn(r, size, last);
    uint32_t type = raw32(data);
    if (type == 0x0a0d0d0a) {       /* reads the same in both orders: a section begins */
        uint32_t order = be32(data + 8);
        if (order != 0x1a2b3c4d && order != 0x4d3c2b1a) return bad_block(r);
        r->big = order == 0x1a2b3c4d;
        r->interface_count = 0;
    }
    type = get32(data, r->big);
    uint32_t length = get32(data + 4, r->big);
    if (length < (type == 0x0a0d0d0a ? 28u : 12u) || length % 4) return bad_block(r);
    int carried = type == 0x0a0d0d0a || type == 1 || type == 4 || type == 10;
    int packet = type == 2 || type == 3 || type == 6;
    if (length > MAX_BLOCK) {
        if (packet || type == 1) return bad_block(r);
        if (carried) r->on_context(r->context, r->offset);
        r->skip = length;
        return READ_MORE;
    }
    if (size < length) {
        *need = length;
        return torn(r, size, last);
    }
    if (get32(data + length - 4, r->big) != length) return bad_block(r);
    *used = length;
    if (carried) r->on_context(r->context, r->offset);
    if (type == 1) {
        int ok = add_interface(r, data + 8, length - 12);
        if (ok < 0) return READ_NO_MEMORY;
        if (!ok) return bad_block(r);
    }
    if (!packet) return READ_MORE;
    int ok = packet_block(r, type, data, length, out);
    if (ok < 0) {
        COUNT(r, bad_record);
        return stop(r);
    }
    return ok ? READ_FRAME : bad_block(r);
}

ReadResult reader_next(Reader *r, const uint8_t *data, size_t size, int last, size_t *used, size_t *need, Frame *out) {
    *used = *need = 0;
    if (r->stopped) {
        *used = size;
        return READ_STOP;
    }
    size_t total = 0, one;
    ReadResult result;
    if (r->format == FORMAT_UNKNOWN) {
        if (size < 12) return last ? READ_NO_CAPTURE : READ_MORE;
        switch (be32(data)) {
        case 0xa1b2c3d4u: case 0xd4c3b2a1u: case 0xa1b23c4du: case 0x4d3cb2a1u:
            result = pcap_header(r, data, size, last, &one);
            if (result != READ_FRAME) return result;
            r->offset = total = one;
            break;
        case 0x0a0d0d0au: r->format = FORMAT_PCAPNG; break;
        default: return READ_NO_CAPTURE;
        }
    }
    if (r->format == FORMAT_PCAP) {
        one = 0;
        result = pcap_record(r, data + total, size - total, last, &one, need, out);
        r->offset += one;
        *used = total + one;
        return result;
    }
    for (;;) {
        if (r->skip) {
            size_t n = size - total < r->skip ? size - total : (size_t)r->skip;
            total += n;
            r->offset += n;
            r->skip -= n;
            if (r->skip) {
                *used = total;
                return last ? (COUNT(r, truncated_file), stop(r)) : READ_MORE;
            }
        }
        one = 0;
        result = pcapng_block(r, data + total, size - total, last, &one, need, out);
        r->offset += one;
        total += one;
        if (result == READ_MORE && (one || r->skip)) continue;
        *used = total;
        return result;
    }
}

void reader_free(Reader *r) { free(r->interfaces); }
