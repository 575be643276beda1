"""Numbers by which headers name what follows them (IANA)."""

from __future__ import annotations

#: EtherTypes of VLAN tags.
VLANS = (0x8100, 0x88A8, 0x9100, 0x9200, 0x9300)
TCP, UDP, ICMP, ICMP6, SCTP, IGMP, DCCP, UDP_LITE = 6, 17, 1, 58, 132, 2, 33, 136
#: Extension headers of IPv6 (IANA): hop-by-hop, routing, destination, mobility, HIP, shim6; fragment and AH differ.
EXTENSIONS, FRAGMENT, AUTHENTICATION = (0, 43, 60, 135, 139, 140), 44, 51
#: ICMP errors, which quote the packet that they are about (RFC 792, RFC 4443).
QUOTING, QUOTING6 = (3, 4, 5, 11, 12), (1, 2, 3, 4)
#: ICMPv6 messages with addresses behind the first 8 bytes: how many (RFC 4861).
NEIGHBOURS = {135: 1, 136: 1, 137: 2}
