/* nDPI 5.0, reached by pointers: the door finds symbols and layouts in nfstream's engine and checks them. */
#ifndef TAPIARY_LABEL_H
#define TAPIARY_LABEL_H
#include <stdint.h>

/* ndpi_protocol (56 bytes in 5.0) is returned by value. Above 16 bytes the x86-64, AArch64 and Win64 ABIs return
   through a pointer to the caller's memory, so that any size in (16, 256] may stand in; checked at import. */
typedef struct { uint8_t bytes[256]; } NdpiResult;

#define LABEL_STRINGS(X)                                                                                  \
    X(server_name) X(user_agent) X(content_type) X(ja4) X(ja3s) X(hassh_client) X(hassh_server) X(dhcp_fingerprint)
#define ENUM_STRING(name) S_##name,
enum { LABEL_STRINGS(ENUM_STRING) S_COUNT };

typedef struct {
    NdpiResult (*process)(void *dissector, void *flow, const uint8_t *ip, unsigned short size, uint64_t ms, void *info);
    NdpiResult (*giveup)(void *dissector, void *flow);
    void (*free_data)(void *flow);
    /* offsets within ndpi_protocol */
    uint32_t app, master, category;
    /* offsets and sizes within ndpi_flow_struct */
    uint32_t flow_size, state, confidence, risk, server_name, server_name_size, user_agent, content_type;
    uint32_t ja4, ja4_size, ja3s, ja3s_size, hassh_client, hassh_server, hassh_size, dhcp, dhcp_size;
    uint32_t classified;            /* value of NDPI_STATE_CLASSIFIED */
    uint16_t dhcp_id, http_id, ssh_id, tls_ids[8];
} Ndpi;

/* What is kept of a flow once its label is final. */
typedef struct {
    uint16_t app, master, confidence;
    uint32_t category;
    uint64_t risks;
    uint16_t length[S_COUNT];       /* of each string; 0: none */
    char *strings;                  /* one after the other, valid UTF-8; NULL: none */
} Label;

/* One packet of a flow to nDPI; returns 1 when the label is final. */
int label_packet(const Ndpi *n, void *dissector, void *flow, Label *label, const uint8_t *ip, uint32_t captured, int64_t us);
/* Makes the label final: a guess where nothing was found, the strings copied; nDPI's own memory in flow is freed. */
int label_finish(const Ndpi *n, void *dissector, void *flow, Label *label);

#endif
