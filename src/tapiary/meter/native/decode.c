#include "walk.h"

int decode_frame(Decoder *d, uint32_t link_type, const uint8_t *data, uint32_t captured, uint32_t wire, Packet *out) {
    Walk w = {.p = data, .cap = captured, .wire = wire}, end = w;
    int r = NF_zero_length_frame;
    if (LIKELY(captured != 0)) r = link_layer(d, w, link_type, out, &end);
    else ANOMALY(&end, zero_length_frame);
    if (wire > captured) ANOMALY(&end, snapped);
    for (uint32_t bits = end.anomalies; UNLIKELY(bits); bits &= bits - 1) d->anomalies[__builtin_ctz(bits)]++;
    out->wire = wire;
    if (LIKELY(r == IN_FLOW)) return 1;
    d->not_flows[r]++;
    if (r == NF_non_ip) d->non_ip[end.kind]++;
    return 0;
}
