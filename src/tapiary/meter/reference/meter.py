"""The whole run: records, clock, flow table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from tapiary.meter.reference.decode import decode
from tapiary.meter.reference.flows import Flow, Packet, Row
from tapiary.meter.reference.fragments import Fragments
from tapiary.meter.reference.read import Record, Stop, file_format, records
from tapiary.meter.reference.source import load
from tapiary.meter.reference.transport import PROTOCOLS_WITH_PORTS, Transport, transport
from tapiary.meter.reference.view import NotFlow


class Settings(Protocol):
    """The settings that the twin reads; `tapiary.config.MeterConfig` has them all."""

    @property
    def idle_timeout_s(self) -> float: ...
    @property
    def active_timeout_s(self) -> float: ...
    @property
    def tcp_close(self) -> bool: ...
    @property
    def tunnels(self) -> Sequence[str]: ...
    @property
    def sequence_packets(self) -> int: ...


@dataclass
class ReferenceResult:
    """What a capture holds: one row a flow in order of `flow_id`, and every count under its fixed name.

    `frames`: frame numbers by `flow_id`. `time_start`, `time_end`: earliest and latest packet as the file has them.
    """

    flows: list[Row] = field(default_factory=list)
    frames: dict[int, list[int]] = field(default_factory=dict)
    packets: int = 0
    anomalies: Counter[str] = field(default_factory=Counter)
    link_types: Counter[int] = field(default_factory=Counter)
    not_flows: Counter[str] = field(default_factory=Counter)
    non_ip: Counter[str] = field(default_factory=Counter)
    time_start: int | None = None
    time_end: int | None = None
    format: str = ""
    compression: str = ""


def meter_file(source: bytes | Path, config: Settings) -> ReferenceResult:
    """Meter a capture, given as bytes or as a path; raises InvalidInput when it is no capture."""
    data, compression, whole = load(source)
    run = _Run(config)
    run.result.format, run.result.compression = file_format(data), compression
    try:
        for record in records(data):
            run.record(record)
    except Stop as stop:
        run.result.anomalies[stop.anomaly] += 1
    if not whole:
        run.result.anomalies["truncated_file"] = 1
    return run.finish()


class _Run:
    def __init__(self, config: Settings) -> None:
        self.config = config
        self.idle, self.active = round(config.idle_timeout_s * 1e6), round(config.active_timeout_s * 1e6)
        self.result = ReferenceResult()
        self.clock: int | None = None
        self.fragments = Fragments()
        self.flows: dict[tuple[object, ...], Flow] = {}

    def record(self, record: Record) -> None:
        """Take in one packet record."""
        result = self.result
        result.packets += 1
        result.link_types[record.link_type] += 1
        result.time_start = record.time if result.time_start is None else min(result.time_start, record.time)
        result.time_end = record.time if result.time_end is None else max(result.time_end, record.time)
        result.anomalies["time_out_of_range"] += record.out_of_range
        result.anomalies["snapped"] += len(record.data) < record.wire
        try:
            packet, anomalies = self.decode(record)
        except NotFlow as outcome:
            result.not_flows[outcome.reason] += 1
            result.anomalies.update(outcome.anomalies)
            if outcome.reason == "non_ip":
                result.non_ip[outcome.kind] += 1
            else:
                result.anomalies[outcome.reason] += 1
            return
        result.anomalies.update(anomalies)
        self.account(packet)

    def decode(self, record: Record) -> tuple[Packet, set[str]]:
        """The packet that a flow counts, and its anomalies; moves the clock; raises `NotFlow`."""
        found = decode(record.link_type, record.data, record.wire, self.config.tunnels)
        ip, around, anomalies = found.packet, found.around, set(found.packet.anomalies)
        # As nfstream: time never goes back, and only packets of flows move it.
        if self.clock is not None and record.time < self.clock:
            anomalies.add("time_went_back")
        time = self.clock = max(record.time, self.clock or 0)
        protocol = ip.protocol
        if ip.fragment and ip.fragment.offset:
            known, protocol, ports = self.fragments.find(ip, ip.fragment, around.vlan, time)
            carried = Transport(ports, ip.claimed)
            if not known:
                anomalies.add("orphan_fragment")
        else:
            carried = transport(ip) if ip.whole else Transport(payload=ip.claimed)
            if ip.fragment and ip.whole and protocol in PROTOCOLS_WITH_PORTS and carried.ports_read:
                self.fragments.remember(ip, ip.fragment, around.vlan, time, carried.ports)
        packet = Packet(
            frame=record.frame,
            time=time,
            version=ip.version,
            protocol=protocol,
            vlan=around.vlan,
            tunnel="/".join(found.tunnels) or None,
            source=(ip.source, carried.ports[0]),
            destination=(ip.destination, carried.ports[1]),
            source_mac=around.source_mac,
            destination_mac=around.destination_mac,
            ip_bytes=ip.length,
            wire_bytes=record.wire,
            payload=carried.payload,
            tcp_flags=carried.tcp_flags,
            sequence=carried.sequence,
        )
        return packet, anomalies | carried.anomalies

    def account(self, packet: Packet) -> None:
        """Count the packet in its flow, ending an older flow with the same key when its time is over."""
        flow = self.flows.get(packet.key)
        if flow:
            if packet.time - flow.last >= self.idle:
                self.end(flow, "idle")
            elif packet.time - flow.opening.time >= self.active:
                self.end(flow, "active")
            elif self.config.tcp_close and flow.closed and packet.opens:
                self.end(flow, "tcp_close")
        if packet.key not in self.flows:
            self.flows[packet.key] = Flow(packet, self.config.sequence_packets)
        self.flows[packet.key].add(packet)

    def end(self, flow: Flow, reason: str) -> None:
        """Turn a flow into its row."""
        del self.flows[flow.opening.key]
        self.result.flows.append(flow.row(reason))
        self.result.frames[flow.opening.frame] = flow.frames

    def finish(self) -> ReferenceResult:
        """End the flows that are left; those that were idle already when the capture ended say so."""
        for flow in list(self.flows.values()):
            assert self.clock is not None
            self.end(flow, "idle" if self.clock - flow.last >= self.idle else "end")
        self.result.flows.sort(key=lambda row: row["flow_id"])  # type: ignore[arg-type, return-value]
        for counts in (self.result.anomalies, self.result.not_flows, self.result.non_ip):
            for name in [name for name, count in counts.items() if not count]:
                del counts[name]
        return self.result
