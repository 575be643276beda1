"""Expected rows from tshark: its decoders, and a flow table of a dozen lines over what they say.

Only columns that tshark can know. Reassembly is off: tapiary counts packets as they came.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

_FIELDS = [
    "frame.number",
    "frame.time_epoch",
    "frame.len",
    "frame.protocols",
    "ip.src",
    "ip.dst",
    "ip.proto",
    "ip.len",
    "ipv6.src",
    "ipv6.dst",
    "ipv6.nxt",
    "ipv6.plen",
    "vlan.id",
    "eth.src",
    "eth.dst",
    "wlan.sa",
    "wlan.da",
    "sll.src.eth",
    "tcp.srcport",
    "tcp.dstport",
    "tcp.len",
    "tcp.flags",
    "udp.srcport",
    "udp.dstport",
    "udp.length",
    "sctp.srcport",
    "sctp.dstport",
    "dccp.srcport",
    "dccp.dstport",
]
_OFF = (
    "ip.defragment",
    "ipv6.defragment",
    "tcp.desegment_tcp_streams",
    "tcp.analyze_sequence_numbers",
    "capwap.swap_fc",
)
_PROTOCOLS = {"tcp": 6, "udp": 17, "icmp": 1, "icmpv6": 58, "sctp": 132, "igmp": 2, "dccp": 33, "udplite": 136}
_EXTENSIONS = {"ipv6.hopopts", "ipv6.routing", "ipv6.dstopts", "ipv6.fraghdr", "mip6", "hip", "shim6"}


def rows(path: Path) -> list[dict[str, object]]:
    """Flows as tshark sees them, by the innermost IP packet; timeouts play no part."""
    command = ["tshark", "-n", "-r", str(path), "-T", "fields", "-E", "occurrence=a", "-E", "separator=/t"]
    command += [word for name in _OFF for word in ("-o", f"{name}:FALSE")] + [w for f in _FIELDS for w in ("-e", f)]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    flows: dict[object, dict[str, object]] = {}
    for line in text.splitlines():
        _count(flows, {name: value.split(",") for name, value in zip(_FIELDS, line.split("\t"), strict=True)})
    return list(flows.values())


def _count(flows: dict[object, dict[str, object]], fields: dict[str, list[str]]) -> None:
    names = fields["frame.protocols"][0].split(":")
    for stop in ("icmp", "icmpv6"):  # what lies in an ICMP error is no packet of its own
        if stop in names:
            names = names[: names.index(stop) + 1]
    at = max((i for i, name in enumerate(names) if name in ("ip", "ipv6")), default=None)
    if at is None:
        return
    version, after = (4 if names[at] == "ip" else 6), [name for name in names[at + 1 :] if name not in _EXTENSIONS]
    stem, which = ("ip", names.count("ip")) if version == 4 else ("ipv6", names.count("ipv6"))
    source, destination = fields[f"{stem}.src"][which - 1], fields[f"{stem}.dst"][which - 1]
    protocol = _PROTOCOLS.get(after[0] if after else "")
    if protocol is None:
        protocol = int(fields["ip.proto" if version == 4 else "ipv6.nxt"][which - 1])
    layer = {6: "tcp", 17: "udp", 132: "sctp", 33: "dccp", 136: "udp"}.get(protocol)
    ports = (0, 0)
    if layer and fields[f"{layer}.srcport"][0]:
        ports = (int(fields[f"{layer}.srcport"][-1]), int(fields[f"{layer}.dstport"][-1]))
    length = int(fields["ip.len"][which - 1]) if version == 4 else int(fields["ipv6.plen"][which - 1]) + 40
    vlan, wire = int(fields["vlan.id"][-1] or 0), int(fields["frame.len"][0])
    time = int(fields["frame.time_epoch"][0].replace(".", "")[:-3])
    key = (version, protocol, vlan, *sorted([(source, ports[0]), (destination, ports[1])]))
    flow = flows.setdefault(key, {
        "flow_id": int(fields["frame.number"][0]), "ip_version": version, "protocol": protocol, "vlan": vlan,
        "client_ip": source, "client_port": ports[0], "server_ip": destination, "server_port": ports[1],
        "first_seen": time, "client_packets": 0, "server_packets": 0, "client_bytes": 0, "server_bytes": 0,
        "client_wire_bytes": 0, "server_wire_bytes": 0, "client_payload_bytes": 0, "server_payload_bytes": 0,
        "client_tcp_flags": 0, "server_tcp_flags": 0,
        "client_mac": (fields["eth.src"][-1] or fields["wlan.sa"][-1] or fields["sll.src.eth"][-1]) or None,
        "server_mac": (fields["eth.dst"][-1] or fields["wlan.da"][-1]) or None,
    })  # fmt: skip
    side = "client" if (flow["client_ip"], flow["client_port"]) == (source, ports[0]) else "server"
    flow["last_seen"] = time
    payload: int | None = None
    if layer == "tcp" and fields["tcp.len"][-1]:
        payload = int(fields["tcp.len"][-1])
        flow[f"{side}_tcp_flags"] = int(flow[f"{side}_tcp_flags"]) | int(fields["tcp.flags"][-1], 16)  # type: ignore[call-overload]
    elif layer == "udp" and fields["udp.length"][-1]:
        payload = int(fields["udp.length"][-1]) - 8
    for name, value in (("packets", 1), ("bytes", length), ("wire_bytes", wire)):
        flow[f"{side}_{name}"] = int(flow[f"{side}_{name}"]) + value  # type: ignore[call-overload]
    if payload is None:  # not tshark's to say
        flow.pop("client_payload_bytes", None)
        flow.pop("server_payload_bytes", None)
    elif f"{side}_payload_bytes" in flow:
        flow[f"{side}_payload_bytes"] = int(flow[f"{side}_payload_bytes"]) + payload  # type: ignore[call-overload]
