#include <stdlib.h>
#include "bytes.h"
#include "label.h"

static void keep(const Ndpi *n, Label *label, const NdpiResult *result) {
    label->app = raw16(result->bytes + n->app);
    label->master = raw16(result->bytes + n->master);
    label->category = raw32(result->bytes + n->category);
}

int label_packet(const Ndpi *n, void *dissector, void *flow, Label *label, const uint8_t *ip, uint32_t captured, int64_t us) {
    NdpiResult result = n->process(dissector, flow, ip, (unsigned short)(captured > 65535 ? 65535 : captured), (uint64_t)us / 1000, NULL);
    keep(n, label, &result);
    return label->app != 0 && raw32((uint8_t *)flow + n->state) == n->classified;
}

/* Copies at most size bytes up to NUL; bytes that are not UTF-8 (RFC 3629, 4) become U+FFFD. */
static uint32_t copy_utf8(char *out, const char *in, uint32_t size) {
    const uint8_t *s = (const uint8_t *)in;
    uint32_t at = 0, n = 0;
    while (at < size && s[at]) {
        uint32_t c = s[at], more = c < 0x80 ? 0 : c >= 0xc2 && c < 0xe0 ? 1 : c >= 0xe0 && c < 0xf0 ? 2 : c >= 0xf0 && c < 0xf5 ? 3 : 9;
        uint32_t good = more != 9 && more < size - at;
        for (uint32_t i = 1; good && i <= more; i++) good = (s[at + i] & 0xc0) == 0x80;
        if (good && more == 2) good = !(c == 0xe0 && s[at + 1] < 0xa0) && !(c == 0xed && s[at + 1] > 0x9f);
        if (good && more == 3) good = !(c == 0xf0 && s[at + 1] < 0x90) && !(c == 0xf4 && s[at + 1] > 0x8f);
        if (good) {
            memcpy(out + n, s + at, more + 1);
            n += more + 1;
            at += more + 1;
        } else {
            memcpy(out + n, "\xef\xbf\xbd", 3);
            n += 3;
            at++;
        }
    }
    return n;
}

typedef struct { const char *text; uint32_t size; } Text;

static const char *pointer(const uint8_t *at) {
    const char *p;
    memcpy(&p, at, sizeof p);
    return p;
}

static int is(const Label *l, uint16_t id) { return l->app == id || l->master == id; }

int label_finish(const Ndpi *n, void *dissector, void *flow, Label *label) {
    const uint8_t *f = flow;
    if (label->app == 0) {
        NdpiResult result = n->giveup(dissector, flow);
        keep(n, label, &result);
    }
    label->confidence = (uint16_t)raw32(f + n->confidence);
    label->risks = raw64(f + n->risk);
    Text texts[S_COUNT] = {{0}};
    texts[S_server_name] = (Text){(const char *)f + n->server_name, n->server_name_size};
    int tls = 0;
    for (int i = 0; i < 8; i++) tls |= n->tls_ids[i] && is(label, n->tls_ids[i]);
    if (is(label, n->dhcp_id)) texts[S_dhcp_fingerprint] = (Text){(const char *)f + n->dhcp, n->dhcp_size};
    else if (is(label, n->http_id)) {
        texts[S_user_agent] = (Text){pointer(f + n->user_agent), 255};
        texts[S_content_type] = (Text){pointer(f + n->content_type), 63};
    } else if (is(label, n->ssh_id)) {
        texts[S_hassh_client] = (Text){(const char *)f + n->hassh_client, n->hassh_size};
        texts[S_hassh_server] = (Text){(const char *)f + n->hassh_server, n->hassh_size};
    } else if (tls) {
        texts[S_user_agent] = (Text){pointer(f + n->user_agent), 255};
        texts[S_ja4] = (Text){(const char *)f + n->ja4, n->ja4_size};
        texts[S_ja3s] = (Text){(const char *)f + n->ja3s, n->ja3s_size};
    }
    char all[3 * 1024];             /* 3 bytes for each of at most 80 + 255 + 63 + 48 */
    uint32_t total = 0;
    for (int i = 0; i < S_COUNT; i++) {
        uint32_t one = texts[i].text ? copy_utf8(all + total, texts[i].text, texts[i].size) : 0;
        label->length[i] = (uint16_t)one;
        total += one;
    }
    n->free_data(flow);
    if (total) {
        label->strings = malloc(total);
        if (!label->strings) {
            memset(label->length, 0, sizeof label->length);
            return 0;
        }
        memcpy(label->strings, all, total);
    }
    return 1;
}
