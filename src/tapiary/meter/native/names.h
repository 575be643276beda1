/* Fixed names that the meter counts under; the door exports them in this order. */
#ifndef TAPIARY_NAMES_H
#define TAPIARY_NAMES_H

/* What is odd about a capture or a packet; a packet may have several. */
#define ANOMALIES(X)                                                                                      \
    X(truncated_file) X(bad_record) X(bad_block) X(time_went_back) X(time_out_of_range) X(snapped)        \
    X(zero_length_frame) X(unknown_link_type) X(truncated_header) X(unknown_ip_version) X(bad_ip_length)  \
    X(ipv6_extension_loop) X(bad_tcp_offset) X(bad_udp_length) X(too_many_tunnels) X(orphan_fragment)

/* Why a packet belongs to no flow: exactly one for each such packet. */
#define NOT_FLOWS(X)                                                                                      \
    X(non_ip) X(zero_length_frame) X(unknown_link_type) X(truncated_header) X(unknown_ip_version)         \
    X(bad_ip_length) X(too_many_tunnels)

/* Kinds of frames that carry no IP. */
#define NON_IP_KINDS(X)                                                                                   \
    X(arp) X(rarp) X(lldp) X(stp) X(cdp) X(eapol) X(pppoe_discovery) X(ipx) X(loopback) X(macsec) X(llc)  \
    X(ppp_control) X(slarp) X(wifi_management) X(wifi_control) X(wifi_encrypted) X(wifi_no_data) X(other)

/* Tunnels, by the bit of the setting that switches their decoding on. The index is 1-based in a path. */
#define TUNNELS(X)                                                                                        \
    X(IPIP, "IPIP", 0) X(T4IN6, "4in6", 0) X(T6IN4, "6in4", 0) X(T6IN6, "6in6", 0) X(GTPU, "GTP-U", 1)    \
    X(CAPWAP, "CAPWAP", 2) X(TZSP, "TZSP", 3) X(GRE, "GRE", 4) X(VXLAN, "VXLAN", 5)                       \
    X(GENEVE, "GENEVE", 6) X(L2TP, "L2TP", 7)

#define ENUM_ANOMALY(name) A_##name,
#define ENUM_NOT_FLOW(name) NF_##name,
#define ENUM_KIND(name) K_##name,
#define ENUM_TUNNEL(name, text, bit) T_##name,
enum { ANOMALIES(ENUM_ANOMALY) A_COUNT };
enum { NOT_FLOWS(ENUM_NOT_FLOW) NF_COUNT };
enum { NON_IP_KINDS(ENUM_KIND) K_COUNT };
enum { T_NONE, TUNNELS(ENUM_TUNNEL) T_COUNT };

#endif
