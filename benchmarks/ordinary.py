"""Trace (b), ordinary longer flows: downloads and uploads over TCP, QUIC-like UDP, and DNS, as on an access line.

Everything follows from a seed. Sizes are of few kinds, so that packets are copied whole from templates and only their
headers are computed; sums and sequence numbers are right, so that readers who check them find nothing to remark.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    Ints = NDArray[np.int64]

_START_US = 1_700_000_000_000_000
_CHUNK = 16_384
_RECORD, _ETHERNET, _IP, _TCP, _UDP = 16, 14, 20, 32, 8
_HEADERS = _ETHERNET + _IP + _TCP
_WINDOW_S = 20  # flows that begin together are made together; bounds the memory

#: Shares of flows: DNS, QUIC-like UDP; the rest is TCP, most of it downloads.
_DNS, _QUIC, _UPLOAD = 0.30, 0.10, 0.15
#: Packets a TCP or QUIC flow: log-normal, from tens to thousands.
_MEDIAN_PACKETS, _SIGMA, _FEWEST, _MOST = 90, 1.35, 10, 20_000
#: Payloads of data packets and their shares: most are full, as measured on access lines.
_FULL = {"tcp": 1448, "quic": 1252}
_PARTIAL = np.array([64, 128, 200, 333, 517, 700, 900, 1100, 1300])
_FLOWS_A_SECOND = 150

_SYN, _ACK, _PSH_ACK, _FIN_ACK, _SYN_ACK = 2, 16, 24, 17, 18


class _Window(NamedTuple):
    """The packets of the flows that begin in one stretch of time, in order of time."""

    times: Ints
    flow: Ints
    upward: NDArray[np.bool_]
    payload: Ints
    flags: Ints
    sequence: Ints
    acknowledged: Ints


class _Flows(NamedTuple):
    """The flows of one stretch."""

    client: Ints
    server: Ints
    client_port: Ints
    server_port: Ints
    tcp: NDArray[np.bool_]
    dns: NDArray[np.bool_]


def write(path: Path, size: int = 5_300_000_000, seed: int = 1) -> dict[str, int]:
    """Write a trace of at least `size` bytes; returns what it holds."""
    rng = np.random.default_rng(seed)
    templates = _templates(rng)
    written = packets = flows = window = 0
    waiting: list[_Window] = []
    known: list[_Flows] = []
    with open(path, "wb", buffering=0) as out:
        out.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262_144, 1))
        written = 24
        while written < size:
            new, made = _window(rng, window, flows)
            flows += len(new.client)
            known.append(new)
            window += 1
            waiting.append(made)
            ready, rest = _split(_merged(waiting), window * _WINDOW_S * 1_000_000)
            waiting = [rest]
            table = _Flows._make(np.concatenate(columns) for columns in zip(*known, strict=True))
            known = [table]
            for first in range(0, len(ready.times), _CHUNK):
                if written >= size:
                    break
                part = _Window._make(column[first:first + _CHUNK] for column in ready)
                chunk = _chunk(part, table, templates)
                out.write(chunk)
                written += len(chunk)
                packets += len(part.times)
    return {"packets": packets, "bytes": written, "flows": flows}


def _merged(windows: list[_Window]) -> _Window:
    whole = _Window._make(np.concatenate(columns) for columns in zip(*windows, strict=True))
    order = np.argsort(whole.times, kind="stable")
    return _Window._make(column[order] for column in whole)


def _split(window: _Window, until: int) -> tuple[_Window, _Window]:
    """What lies before a time, and what after: later flows can only add to the latter."""
    cut = int(np.searchsorted(window.times, until))
    return _Window._make(c[:cut] for c in window), _Window._make(c[cut:] for c in window)


def _window(rng: np.random.Generator, number: int, first_flow: int) -> tuple[_Flows, _Window]:
    """The flows that begin in one stretch, and their packets."""
    count = _FLOWS_A_SECOND * _WINDOW_S
    kind = rng.random(count)
    dns = kind < _DNS
    tcp = kind >= _DNS + _QUIC
    flows = _Flows(
        client=0x0A000000 | rng.integers(1, 4096, count), server=rng.integers(0x2E000000, 0xC0000000, count),
        client_port=rng.integers(1024, 65536, count),
        server_port=np.where(dns, 53, np.where(rng.random(count) < 0.08, 80, 443)),
        tcp=tcp, dns=dns,
    )
    lengths = np.exp(rng.normal(np.log(_MEDIAN_PACKETS), _SIGMA, count))
    lengths = np.where(dns, 2, np.clip(lengths, _FEWEST, _MOST)).astype(np.int64)
    # From here on one element a packet: `flow` is its flow here, `place` its number within the flow.
    flow = np.repeat(np.arange(count), lengths)
    begins = np.cumsum(lengths) - lengths
    place = np.arange(len(flow)) - begins[flow]
    left = lengths[flow] - place
    upload = (rng.random(count) < _UPLOAD)[flow]
    # Two packets of data, one acknowledgement, as delayed acknowledgements make it.
    data = place % 3 != 0
    upward = np.where(data, upload, ~upload)
    full = np.where(tcp, _FULL["tcp"], _FULL["quic"])[flow]
    partial = _PARTIAL[rng.integers(0, len(_PARTIAL), len(flow))]
    payload = np.where(data, np.where(rng.random(len(flow)) < 0.85, full, partial), np.where(tcp[flow], 0, 64))
    flags = np.where(data & (payload < full), _PSH_ACK, _ACK)
    special = (
        (place == 0, True, 0, _SYN), (place == 1, False, 0, _SYN_ACK), (place == 2, True, 0, _ACK),
        (place == 3, True, 517, _PSH_ACK), (left == 3, True, 0, _FIN_ACK), (left == 2, False, 0, _FIN_ACK),
        (left == 1, True, 0, _ACK),
    )
    for here, up, size, bits in special:
        mine = here & tcp[flow]
        upward[mine], payload[mine], flags[mine] = up, size, bits
    start = ~tcp[flow] & (place < 2)
    upward[start] = place[start] == 0
    payload[start] = np.where(dns[flow[start]], np.where(place[start] == 0, 56, 200), full[start])
    return flows, _Window(_times(rng, number, lengths, flow, place, upward), flow + first_flow, upward, payload, flags,
                          *_numbers(flow, begins, upward, payload, flags))


def _times(
    rng: np.random.Generator, number: int, lengths: Ints, flow: Ints, place: Ints, upward: NDArray[np.bool_]
) -> Ints:
    """Microseconds from the start: a flow's own round trip and rate, bursts between them."""
    count = len(lengths)
    begin = rng.integers(0, _WINDOW_S * 1_000_000, count) + number * _WINDOW_S * 1_000_000
    round_trip = rng.integers(5_000, 120_000, count)
    pace = np.exp(rng.normal(np.log(4_000), 1.6, count))
    waits = np.minimum(rng.exponential(1.0, len(flow)) * pace[flow], 20_000_000)
    gaps: Ints = np.where((place > 0) & (place < 5), round_trip[flow], waits).astype(np.int64) + 1
    gaps[place == 0] = 0
    total: Ints = np.cumsum(gaps)
    first = np.cumsum(lengths) - lengths
    total += (begin - total[first])[flow]
    return total


def _numbers(flow: Ints, begins: Ints, upward: NDArray[np.bool_], payload: Ints, flags: Ints) -> tuple[Ints, Ints]:
    """Sequence and acknowledgement numbers: what each side had sent before."""
    moved = payload + (flags & 3 != 0)  # SYN and FIN take one number each
    sent = []
    for side in (True, False):
        mine = np.where(upward == side, moved, 0)
        total = np.cumsum(mine) - mine
        sent.append(total - total[begins][flow])
    up, down = sent
    return np.where(upward, up, down), np.where(upward, down, up)


def _templates(rng: np.random.Generator) -> _Templates:
    pattern = rng.integers(0, 256, 1500, dtype=np.uint8)
    pattern[0::1500] = 0
    # Starts as a TLS record of application data does, so that a reader who looks finds something usual.
    pattern[:5] = (0x17, 0x03, 0x03, 0x40, 0x00)
    words = pattern.astype(np.int64)
    words[0::2] <<= 8
    sums = np.concatenate(([0], np.cumsum(words)))
    raw = pattern.tobytes()
    tcp = [bytes(_RECORD + _HEADERS) + raw[:size] for size in range(1461)]
    udp = [bytes(_RECORD + _ETHERNET + _IP + _UDP) + raw[:size] for size in range(1461)]
    return _Templates(tcp, udp, sums)


class _Templates(NamedTuple):
    """Packets of every payload length with empty headers, and the sum of the payload's words."""

    tcp: list[bytes]
    udp: list[bytes]
    sums: Ints


def _chunk(part: _Window, flows: _Flows, templates: _Templates) -> bytearray:
    tcp, dns = flows.tcp[part.flow], flows.dns[part.flow]
    choose = (templates.udp, templates.tcp)
    raw = bytearray().join([choose[kind][size] for kind, size in zip(tcp.tolist(), part.payload.tolist(), strict=True)])
    octets = np.frombuffer(raw, np.uint8)
    transport = np.where(tcp, _TCP, _UDP)
    lengths = _RECORD + _ETHERNET + _IP + transport + part.payload
    starts = np.cumsum(lengths) - lengths
    headers = np.zeros((len(starts), _RECORD + _HEADERS), np.uint8)
    client, server = flows.client[part.flow], flows.server[part.flow]
    source, target = np.where(part.upward, client, server), np.where(part.upward, server, client)
    client_port, server_port = flows.client_port[part.flow], flows.server_port[part.flow]
    ports = (np.where(part.upward, client_port, server_port), np.where(part.upward, server_port, client_port))
    times = part.times + _START_US
    caught = lengths - _RECORD
    headers[:, :16] = np.stack((times // 1_000_000, times % 1_000_000, caught, caught), 1).astype("<u4").view(np.uint8)
    headers[:, 16:30] = np.where(
        part.upward[:, None], np.frombuffer(bytes.fromhex("0200000000010200000000020800"), np.uint8),
        np.frombuffer(bytes.fromhex("0200000000020200000000010800"), np.uint8),
    )
    _ip(headers, caught - _ETHERNET, tcp, source, target, part)
    _transport(headers, tcp, ports, source, target, part, templates.sums)
    for rows, width in ((np.flatnonzero(tcp), _RECORD + _HEADERS), (np.flatnonzero(~tcp), 16 + 14 + 20 + 8)):
        octets[starts[rows][:, None] + np.arange(width)] = headers[rows, :width]
    _questions(octets, starts, np.flatnonzero(dns), part)
    return raw


def _put(headers: NDArray[np.uint8], at: int, values: Ints, width: int) -> None:
    for place in range(width):
        headers[:, at + place] = values >> 8 * (width - 1 - place) & 255


def _folded(total: Ints) -> Ints:
    total = (total & 0xFFFF) + (total >> 16)
    total = (total & 0xFFFF) + (total >> 16)
    return ((total & 0xFFFF) + (total >> 16)) ^ 0xFFFF


def _ip(
    headers: NDArray[np.uint8], length: Ints, tcp: NDArray[np.bool_], source: Ints, target: Ints, part: _Window
) -> None:
    protocol = np.where(tcp, 6, 17)
    identification = part.sequence & 0xFFFF
    _put(headers, 30, np.full(len(length), 0x4500), 2)
    _put(headers, 32, length, 2)
    _put(headers, 34, identification, 2)
    _put(headers, 36, np.full(len(length), 0x4000), 2)
    _put(headers, 38, 64 << 8 | protocol, 2)
    _put(headers, 42, source, 4)
    _put(headers, 46, target, 4)
    total = 0x4500 + length + identification + 0x4000 + (64 << 8 | protocol)
    _put(headers, 40, _folded(total + _halves(source) + _halves(target)), 2)


def _halves(values: Ints) -> Ints:
    return (values >> 16) + (values & 0xFFFF)


def _transport(
    headers: NDArray[np.uint8], tcp: NDArray[np.bool_], ports: tuple[Ints, Ints], source: Ints, target: Ints,
    part: _Window, sums: Ints,
) -> None:
    _put(headers, 50, ports[0], 2)
    _put(headers, 52, ports[1], 2)
    base = ports[0] + ports[1] + _halves(source) + _halves(target) + sums[part.payload]
    rows = np.flatnonzero(tcp)
    some = headers[rows]
    flow = part.flow[rows]
    sequence = (part.sequence[rows] + flow * 7919 + part.upward[rows] * 104_729) & 0xFFFFFFFF
    acknowledged = (part.acknowledged[rows] + flow * 7919 + ~part.upward[rows] * 104_729) & 0xFFFFFFFF
    acknowledged[part.flags[rows] == _SYN] = 0
    ticks = part.times[rows] // 1000 & 0xFFFFFFFF
    flags = 0x8000 | part.flags[rows]
    fields = ((54, sequence, 4), (58, acknowledged, 4), (62, flags, 2), (64, np.full(len(rows), 0xFFFF), 2),
              (70, np.full(len(rows), 0x0101080A), 4), (74, ticks, 4), (78, ticks, 4))
    total = base[rows] + 6 + 32 + part.payload[rows]
    for at, values, width in fields:
        _put(some, at, values, width)
        total = total + (_halves(values) if width == 4 else values)
    _put(some, 66, _folded(total), 2)
    headers[rows] = some
    # A UDP sum of zero says "not computed"; DNS payloads are written later.
    rows = np.flatnonzero(~tcp)
    some = headers[rows]
    _put(some, 54, _UDP + part.payload[rows], 2)
    headers[rows] = some


def _questions(octets: NDArray[np.uint8], starts: Ints, rows: Ints, part: _Window) -> None:
    """DNS queries and answers in place of the pattern: one name of a hundred, one address or several."""
    if not len(rows):
        return
    body = starts[rows] + 16 + 14 + 20 + 8
    answer = ~part.upward[rows]
    numbers = (part.flow[rows] % 100).tolist()
    texts = [_dns(number, is_answer) for number, is_answer in zip(numbers, answer.tolist(), strict=True)]
    sizes = np.where(answer, 200, 56)
    for is_answer, size in ((False, 56), (True, 200)):
        mine = sizes == size
        if mine.any():
            table = np.frombuffer(b"".join(t for t, a in zip(texts, answer, strict=True) if a == is_answer), np.uint8)
            octets[body[mine][:, None] + np.arange(size)] = table.reshape(-1, size)


def _dns(number: int, answer: bool) -> bytes:
    """A message of 56 (query) or 200 (answer) bytes; what is left over is padding in an EDNS option (RFC 7830)."""
    labels = (f"service-{number:02d}", "network-traffic", "example", "org")
    name = b"".join(bytes([len(label)]) + label.encode() for label in labels) + b"\0"
    message = struct.pack(">HHHHHH", 1000 + number, 0x8180 if answer else 0x0100, 1, 8 if answer else 0, 0, 0)
    message += name + struct.pack(">HH", 1, 1)
    if answer:
        for host in range(8):
            message += struct.pack(">HHHIHI", 0xC00C, 1, 1, 300, 4, 0x2E000000 | number << 8 | host)
    size = 200 if answer else 56
    if len(message) + 15 <= size:
        padding = size - len(message) - 15
        message = message[:10] + struct.pack(">H", 1) + message[12:]
        message += b"\0" + struct.pack(">HHIHHH", 41, 1232, 0, padding + 4, 12, padding) + bytes(padding)
    return message[:size].ljust(size, b"\0")
