"""Names of link types, as https://www.tcpdump.org/linktypes.html writes them."""

NAMES = {
    0: "NULL", 1: "ETHERNET", 9: "PPP", 12: "RAW", 14: "RAW", 50: "PPP_HDLC", 51: "PPP_ETHER", 101: "RAW",
    104: "C_HDLC", 105: "IEEE802_11", 108: "LOOP", 113: "LINUX_SLL", 119: "IEEE802_11_PRISM",
    127: "IEEE802_11_RADIOTAP", 163: "IEEE802_11_AVS", 192: "PPI", 228: "IPV4", 229: "IPV6", 276: "LINUX_SLL2",
    0xFFFFFFFF: "other",
}


def link_name(number: int) -> str:
    """The name of a link type, or LINKTYPE_ and its number."""
    return NAMES.get(number, f"LINKTYPE_{number}")
