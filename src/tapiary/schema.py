"""The flow columns, declared once: every table, query, screen and page of documentation reads this list.

A column says what it is called, what it measures and in which unit, how it is stored, whether it
tells something about a person, to which optional group it belongs, and what other tools call it.

Storage types (all of them exist in Delta Lake, Parquet, Arrow and DuckDB):

``int16 int32 int64 float64 bool string`` as named; ``timestamp`` is microseconds since 1970 UTC;
``address`` is 16 bytes, network order, IPv4 as ``::ffff:a.b.c.d`` (RFC 4291, 2.5.5.2), so that equality
and CIDR ranges are comparisons of bytes; ``mac`` is an int64 that holds the 48 bits;
``list<int32>`` is a list. Text forms appear at the edges only: `address_text`, `mac_text`.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa

#: Number of the table format; a migration step exists for each step of it.
FORMAT_VERSION = 1

#: Optional groups of statistics columns, in the order in which they are stored.
STATISTICS_GROUPS = ("flags", "sizes", "times", "sequence")


@dataclass(frozen=True, slots=True)
class Column:
    """One column of the flow table."""

    name: str
    type: str
    doc: str
    unit: str = ""
    group: str = "core"
    personal: bool = False
    nullable: bool = False
    nfstream: str | None = None
    sycope: str | None = None


def _both(
    stem: str, type: str, doc: str, unit: str = "", group: str = "core", nfstream: str | None = None,
    sycope: str | None = None, nullable: bool = False,
) -> tuple[Column, Column]:
    """The same measure for the client's and for the server's direction."""
    return (
        Column(f"client_{stem}", type, f"{doc}, client to server", unit, group, False, nullable,
               nfstream and f"src2dst_{nfstream}", sycope and f"client{sycope}"),
        Column(f"server_{stem}", type, f"{doc}, server to client", unit, group, False, nullable,
               nfstream and f"dst2src_{nfstream}", sycope and f"server{sycope}"),
    )


def _summary(stem: str, kind: str, group: str, unit: str, doc: str, nfstream: str) -> tuple[Column, ...]:
    """Minimum, mean, standard deviation and maximum, for both directions together and for each."""
    columns = []
    for side, other, words in (("", "bidirectional", "both directions"), ("client_", "src2dst", "client to server"),
                               ("server_", "dst2src", "server to client")):
        for measure, theirs, type_ in (("min", "min", kind), ("mean", "mean", "float64"),
                                       ("std", "stddev", "float64"), ("max", "max", kind)):
            columns.append(Column(f"{side}{stem}_{measure}", type_, f"{doc}: {measure}, {words}", unit, group,
                                  nfstream=f"{other}_{theirs}_{nfstream}"))
    return tuple(columns)


#: Every column of the `flows` table, in stored order.
FLOW_COLUMNS: tuple[Column, ...] = (
    # identity
    Column("run_id", "int64", "The processing run that wrote the row"),
    Column("job_id", "int64", "The job that processed the file", sycope="jobId"),
    Column("flow_id", "int64", "Frame number (from 1) of the flow's first packet in its file: unique in a run", sycope="sessionId"),
    Column("ip_version", "int16", "4 or 6", nfstream="ip_version"),
    Column("protocol", "int16", "IP protocol number (IANA)", nfstream="protocol", sycope="protocol"),
    Column("vlan", "int16", "Innermost IEEE 802.1Q VLAN identifier, 0 without a tag", nfstream="vlan_id"),
    Column("tunnel", "string", "Tunnels around the flow, outermost first, joined by '/': GRE, GTP-U, VXLAN, …", nullable=True),
    Column("client_ip", "address", "Address that sent the flow's first packet", personal=True, nfstream="src_ip", sycope="clientIp"),
    Column("server_ip", "address", "The other address", personal=True, nfstream="dst_ip", sycope="serverIp"),
    Column("client_port", "int32", "Port of the client; 0 for protocols without ports", nfstream="src_port", sycope="clientPort"),
    Column("server_port", "int32", "Port of the server; 0 for protocols without ports", nfstream="dst_port", sycope="serverPort"),
    Column("client_mac", "mac", "Client's link-layer address, where the link has one", personal=True, nullable=True, nfstream="src_mac"),
    Column("server_mac", "mac", "Server's link-layer address, where the link has one", personal=True, nullable=True, nfstream="dst_mac"),
    # time
    Column("first_seen", "timestamp", "Time of the first packet", "µs", nfstream="bidirectional_first_seen_ms", sycope="firstTimestamp"),
    Column("last_seen", "timestamp", "Time of the last packet", "µs", nfstream="bidirectional_last_seen_ms", sycope="lastTimestamp"),
    Column("client_duration_us", "int64", "From the client's first packet to its last", "µs", nfstream="src2dst_duration_ms"),
    Column("server_duration_us", "int64", "From the server's first packet to its last", "µs", nfstream="dst2src_duration_ms"),
    Column("server_delay_us", "int64", "From the flow's first packet to the server's first", "µs", nullable=True),
    # counters
    *_both("packets", "int64", "Packets", "packets", nfstream="packets", sycope="Packets"),
    *_both("bytes", "int64", "Bytes of the IP layer, by the IP header's length", "bytes", sycope="Bytes"),
    *_both("wire_bytes", "int64", "Bytes on the wire, link layer included", "bytes", nfstream="bytes"),
    *_both("payload_bytes", "int64", "Bytes carried by the transport protocol", "bytes"),
    *_both("tcp_flags", "int16", "TCP flags seen, or-ed (RFC 9293, 3.1)", sycope="TcpFlags"),
    Column("client_retransmissions", "int32", "TCP segments whose payload was sent before, client to server", "packets",
           sycope="retransmittedInPackets"),
    Column("server_retransmissions", "int32", "TCP segments whose payload was sent before, server to client", "packets",
           sycope="retransmittedOutPackets"),
    *(c for flag in ("syn", "cwr", "ece", "urg", "ack", "psh", "rst", "fin")
      for c in _both(f"{flag}_packets", "int32", f"Packets with TCP {flag.upper()} set", "packets", "flags", f"{flag}_packets")),
    *_summary("size", "int32", "sizes", "bytes", "Packet size on the wire", "ps"),
    *_summary("gap_us", "int64", "times", "µs", "Time between packets", "piat_ms"),
    Column("packet_sizes", "list<int32>", "Sizes on the wire of the first packets, negative from the server", "bytes", "sequence",
           nfstream="splt_ps"),
    Column("packet_times", "list<int32>", "Times of the first packets after the flow's first (2147483647 where longer)", "µs", "sequence",
           nfstream="splt_piat_ms"),
    # meaning
    Column("label", "string", "Label, as in TLS.Google: a user's rule or nDPI's master and application", nfstream="application_name",
           sycope="applicationNameNtop"),
    Column("application", "string", "nDPI's application", sycope="application"),
    Column("master", "string", "nDPI's master protocol", nullable=True),
    Column("category", "string", "The label's group: a user's rule or nDPI's category", nfstream="application_category_name"),
    Column("confidence", "string", "How nDPI found the application, or 'User rule'", nullable=True, nfstream="application_confidence"),
    Column("server_name", "string", "TLS SNI, HTTP Host, DNS query name or the like", personal=True, nullable=True,
           nfstream="requested_server_name", sycope="httpHost"),
    Column("user_agent", "string", "User agent that the client gave", personal=True, nullable=True, nfstream="user_agent"),
    Column("content_type", "string", "Content type that the server gave", nullable=True, nfstream="content_type"),
    Column("ja4", "string", "JA4 fingerprint of the TLS or QUIC client", nullable=True, nfstream="client_fingerprint"),
    Column("ja3s", "string", "JA3S fingerprint of the TLS server", nullable=True, nfstream="server_fingerprint", sycope="ja3sHash"),
    Column("hassh_client", "string", "HASSH fingerprint of the SSH client", nullable=True, nfstream="client_fingerprint"),
    Column("hassh_server", "string", "HASSH fingerprint of the SSH server", nullable=True, nfstream="server_fingerprint"),
    Column("dhcp_fingerprint", "string", "DHCP option list of the client", nullable=True, nfstream="client_fingerprint"),
    Column("risks", "int64", "nDPI risks, one bit each: bit n is risk n of nDPI's list"),
    Column("note", "string", "Note of the user's rule that matched", nullable=True),
    # places
    *(c for side in ("client", "server") for c in (
        Column(f"{side}_country", "string", f"ISO 3166-1 country of the {side}", group="geo", nullable=True, sycope=f"{side}Country"),
        Column(f"{side}_city", "string", f"City of the {side}", group="geo", nullable=True),
        Column(f"{side}_asn", "int64", f"Autonomous system number of the {side}", group="geo", nullable=True, sycope=f"{side}AsNumber"),
        Column(f"{side}_as_name", "string", f"Autonomous system name of the {side}", group="geo", nullable=True, sycope=f"{side}AsName"),
    )),
    # end
    Column("ended", "string", "Why the flow ended: idle, active, tcp_close or end (of the capture)", nfstream="expiration_id"),
)

#: The packet index: where each flow's packets lie. Several rows a flow when it is long.
#: Rows of flow_id 0 hold the byte offsets of frames 1, 65, 129, … and rows of flow_id -1 those of pcapng's blocks that
#: every cut must carry (sections, interfaces, names, secrets), as LEB128 gaps that run on from row to row.
INDEX_COLUMNS: tuple[Column, ...] = (
    Column("run_id", "int64", "The processing run that wrote the row"),
    Column("flow_id", "int64", "The flow; 0 and -1 for the file itself"),
    Column("first_frame", "int64", "First frame number that the row covers"),
    Column("frame_count", "int32", "Frames that the row covers"),
    Column("frames", "binary", "LEB128 gaps from each frame to the next; the first frame is first_frame"),
)

_ARROW = {
    "int16": "int16", "int32": "int32", "int64": "int64", "float64": "float64", "bool": "bool_", "string": "string",
    "address": "binary", "binary": "binary", "mac": "int64",
}


def arrow_type(column: Column) -> pa.DataType:
    """The Arrow type in which a column is stored."""
    import pyarrow as pa

    if column.type == "timestamp":
        return pa.timestamp("us", tz="UTC")
    if column.type == "list<int32>":
        return pa.list_(pa.int32())
    return getattr(pa, _ARROW[column.type])()


def arrow_schema(columns: tuple[Column, ...] = FLOW_COLUMNS) -> pa.Schema:
    """The Arrow schema of a table with these columns."""
    import pyarrow as pa

    return pa.schema([pa.field(c.name, arrow_type(c), c.nullable or c.group != "core") for c in columns])


@cache
def columns_by_name() -> dict[str, Column]:
    """The flow columns by their names."""
    return {c.name: c for c in FLOW_COLUMNS}


def query_name(column: Column) -> str:
    """A column's name in queries: Sycope's where it has one, else its own in camel case (`clientWireBytes`)."""
    first, *others = column.name.split("_")
    return column.sycope or first + "".join(word.capitalize() for word in others)


def flow_columns(groups: tuple[str, ...] = STATISTICS_GROUPS) -> tuple[Column, ...]:
    """The flow columns that are filled when these statistics groups are on."""
    off = set(STATISTICS_GROUPS) - set(groups)
    return tuple(c for c in FLOW_COLUMNS if c.group not in off)


def address_bytes(text: str) -> bytes:
    """The stored form of an address; raises ValueError when the text is no IPv4 or IPv6 address."""
    return _stored(ipaddress.ip_address(text))


def _stored(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bytes:
    return b"\0" * 10 + b"\xff\xff" + address.packed if address.version == 4 else address.packed


def network_range(text: str) -> tuple[bytes, bytes]:
    """First and last stored address of an address or CIDR network; host bits may be set. Raises ValueError."""
    network = ipaddress.ip_network(text, strict=False)
    return _stored(network[0]), _stored(network[-1])


def address_text(stored: bytes) -> str:
    """The text of a stored address, IPv6 as RFC 5952 writes it."""
    if stored[:12] == b"\0" * 10 + b"\xff\xff":
        return "%d.%d.%d.%d" % tuple(stored[12:])
    return str(ipaddress.IPv6Address(stored))


def mac_text(stored: int) -> str:
    """The text of a stored link-layer address, as 00:1b:21:3c:9d:f8."""
    return ":".join(f"{stored >> shift & 255:02x}" for shift in range(40, -1, -8))
