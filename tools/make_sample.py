"""Makes examples/sample.pcap: a small, wholly invented capture with a bit of everything an office sees.

    python -m tools.make_sample [OUT]

Clients have documentation or private addresses (RFC 5737, RFC 3849, RFC 1918); the servers are well-known public
resolvers, so that countries appear once GeoIP data are there, and documentation addresses. The same bytes come out
every time: nothing here depends on the clock or on chance.
"""

from __future__ import annotations

import random
import struct
import sys
from collections.abc import Iterator
from pathlib import Path

from scapy.layers.dhcp import BOOTP, DHCP
from scapy.layers.dns import DNS, DNSQR, DNSRR
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.inet6 import ICMPv6EchoReply, ICMPv6EchoRequest, IPv6
from scapy.layers.l2 import ARP, Ether
from scapy.packet import Packet, Raw
from scapy.utils import wrpcap

OUT = Path(__file__).parent.parent / "examples" / "sample.pcap"
START = 1_760_000_000.0  # 2025-10-09 08:53:20 UTC
ROUTER_MAC = "02:00:5e:10:00:01"
MSS = 1400
AGENT = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"

Timed = tuple[float, Packet]


class Host:
    """A client on the invented office network."""

    def __init__(self, number: int) -> None:
        self.ip4 = f"192.168.10.{number}"
        self.ip6 = f"2001:db8:10::{number:x}"
        self.mac = f"02:00:5e:10:01:{number:02x}"
        self._port = 49152 + 97 * number

    def port(self) -> int:
        """The next ephemeral port."""
        self._port += 1
        return self._port


class Line:
    """Puts packets into Ethernet frames, in the right direction, with a TTL that fits."""

    def __init__(self, host: Host, server: str) -> None:
        self.host, self.server, self.six = host, server, ":" in server

    def frame(self, from_client: bool, payload: Packet) -> Packet:
        """One frame with `payload` above the IP header."""
        client, server = (self.host.ip6 if self.six else self.host.ip4), self.server
        source, target = (client, server) if from_client else (server, client)
        hops = 64 if from_client else 57
        ip = IPv6(src=source, dst=target, hlim=hops) if self.six else IP(src=source, dst=target, ttl=hops, id=1)
        macs = (self.host.mac, ROUTER_MAC) if from_client else (ROUTER_MAC, self.host.mac)
        return Ether(src=macs[0], dst=macs[1]) / ip / payload


def tcp(host: Host, server: str, port: int, talk: list[tuple[bool, bytes]], at: float, rtt: float, again: int = -1,
        reset: bool = False) -> Iterator[Timed]:
    """A whole TCP conversation: handshake, the talk in segments of MSS, acknowledgements, orderly end or reset.

    `talk` lists (from the client?, bytes); segment number `again` is sent twice, as after a loss.
    """
    line, sport = Line(host, server), host.port()
    next_ = {True: 1000 + sport, False: 5000 + sport}
    options = [("MSS", MSS), ("SAckOK", b""), ("NOP", None), ("WScale", 7)]

    def segment(from_client: bool, flags: str, data: bytes = b"", syn: bool = False) -> Packet:
        ports = (sport, port) if from_client else (port, sport)
        head = TCP(sport=ports[0], dport=ports[1], flags=flags, seq=next_[from_client], window=64240,
                   options=options if syn else [], ack=next_[not from_client] if "A" in flags else 0)
        return line.frame(from_client, head / Raw(data) if data else head)

    yield at, segment(True, "S", syn=True)
    next_[True] += 1
    at += rtt
    yield at, segment(False, "SA", syn=True)
    next_[False] += 1
    at += 0.0002
    yield at, segment(True, "A")
    number, previous = 0, True
    for from_client, data in talk:
        at += rtt if from_client != previous else 0.001
        previous = from_client
        for offset in range(0, len(data), MSS):
            piece = data[offset:offset + MSS]
            at += 0.00012
            packet = segment(from_client, "PA" if offset + MSS >= len(data) else "A", piece)
            yield at, packet
            if number == again:
                at += 0.2
                yield at, packet.copy()
            next_[from_client] += len(piece)
            number += 1
            if number % 2 == 0:
                yield at + 0.00008, segment(not from_client, "A")
    at += 0.02
    if reset:
        yield at, segment(True, "R")
        return
    yield at, segment(True, "FA")
    next_[True] += 1
    yield at + rtt, segment(False, "FA")
    next_[False] += 1
    yield at + rtt + 0.0002, segment(True, "A")


def dns(host: Host, server: str, name: str, answers: list[str], at: float, rtt: float) -> Iterator[Timed]:
    """A query of A or AAAA and its answer; no answers: the name does not exist (RFC 1035 RCODE 3)."""
    line, sport = Line(host, server), host.port()
    kind = "AAAA" if answers and ":" in answers[0] else "A"
    query = DNS(id=sport, rd=1, qd=[DNSQR(qname=name, qtype=kind)])
    records = [DNSRR(rrname=name, type=kind, ttl=300, rdata=answer) for answer in answers]
    answer = DNS(id=sport, qr=1, rd=1, ra=1, rcode=0 if answers else 3, qd=[DNSQR(qname=name, qtype=kind)], an=records)
    yield at, line.frame(True, UDP(sport=sport, dport=53) / query)
    yield at + rtt, line.frame(False, UDP(sport=53, dport=sport) / answer)


def client_hello(name: str, alpn: tuple[bytes, ...], dice: random.Random) -> bytes:
    """A TLS 1.3 ClientHello record with server name and ALPN (RFC 8446, 4.1.2; RFC 6066, 3; RFC 7301)."""
    def vector(size: str, data: bytes) -> bytes:
        return struct.pack(size, len(data)) + data

    def extension(number: int, data: bytes) -> bytes:
        return struct.pack("!H", number) + vector("!H", data)

    suites = struct.pack("!6H", 0x1301, 0x1302, 0x1303, 0xC02B, 0xC02F, 0xC030)
    extensions = b"".join((
        extension(0, vector("!H", b"\0" + vector("!H", name.encode()))),
        extension(10, vector("!H", struct.pack("!3H", 29, 23, 24))),
        extension(11, vector("!B", b"\0")),
        extension(13, vector("!H", struct.pack("!4H", 0x0403, 0x0804, 0x0401, 0x0503))),
        extension(16, vector("!H", b"".join(vector("!B", p) for p in alpn))),
        extension(43, vector("!B", struct.pack("!2H", 0x0304, 0x0303))),
        extension(45, vector("!B", b"\1")),
        extension(51, vector("!H", struct.pack("!H", 29) + vector("!H", dice.randbytes(32)))),
    ))
    body = (b"\x03\x03" + dice.randbytes(32) + vector("!B", dice.randbytes(32)) + vector("!H", suites)
            + vector("!B", b"\0") + vector("!H", extensions))
    return b"\x16\x03\x01" + vector("!H", b"\x01" + struct.pack("!I", len(body))[1:] + body)


def server_hello(dice: random.Random) -> bytes:
    """A TLS 1.3 ServerHello, ChangeCipherSpec and an encrypted record that looks like a certificate flight."""
    extensions = struct.pack("!HHH", 43, 2, 0x0304) + struct.pack("!HHHH", 51, 36, 29, 32) + dice.randbytes(32)
    body = (b"\x03\x03" + dice.randbytes(32) + b"\x20" + dice.randbytes(32) + struct.pack("!HB", 0x1301, 0)
            + struct.pack("!H", len(extensions)) + extensions)
    shake = b"\x02" + struct.pack("!I", len(body))[1:] + body
    return b"\x16\x03\x03" + struct.pack("!H", len(shake)) + shake + b"\x14\x03\x03\0\1\1" + record(2400, dice)


def record(size: int, dice: random.Random) -> bytes:
    """A TLS application data record of `size` random bytes."""
    return b"\x17\x03\x03" + struct.pack("!H", size) + dice.randbytes(size)


def tls(host: Host, server: str, name: str, down: int, at: float, rtt: float, dice: random.Random,
        again: int = -1) -> Iterator[Timed]:
    """A TLS 1.3 session over TCP that asks one thing and gets about `down` bytes."""
    talk = [(True, client_hello(name, (b"h2", b"http/1.1"), dice)), (False, server_hello(dice)),
            (True, b"\x14\x03\x03\0\1\1" + record(53, dice) + record(310, dice))]
    talk += [(False, record(min(down - sent, 8192), dice)) for sent in range(0, down, 8192)]
    yield from tcp(host, server, 443, talk, at, rtt, again)


def http(host: Host, server: str, name: str, path: str, kind: str, size: int, at: float, rtt: float) -> Iterator[Timed]:
    """One HTTP/1.1 GET and its answer of `size` bytes."""
    request = f"GET {path} HTTP/1.1\r\nHost: {name}\r\nUser-Agent: {AGENT}\r\nAccept: */*\r\nConnection: close\r\n\r\n"
    head = (f"HTTP/1.1 200 OK\r\nServer: nginx\r\nContent-Type: {kind}\r\nContent-Length: {size}\r\n"
            "Connection: close\r\n\r\n")
    body = (b"<html><title>Invented page</title>" + b"<p>tapiary</p>" * size)[:size]
    yield from tcp(host, server, 80, [(True, request.encode()), (False, head.encode() + body)], at, rtt)


def ssh(host: Host, server: str, at: float, rtt: float, dice: random.Random) -> Iterator[Timed]:
    """An SSH login's first steps (RFC 4253): banners, then packets that look encrypted."""
    talk = [(True, b"SSH-2.0-OpenSSH_9.6\r\n"), (False, b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n")]
    for n in range(12):
        talk += [(True, dice.randbytes(48 + 16 * (n % 3))), (False, dice.randbytes(64 + 16 * (n % 5)))]
    yield from tcp(host, server, 22, talk, at, rtt)


def ntp(host: Host, server: str, at: float, rtt: float) -> Iterator[Timed]:
    """One NTPv4 exchange (RFC 5905, 7.3)."""
    line, sport = Line(host, server), host.port()
    stamp = struct.pack("!II", int(at) + 2_208_988_800, 0x40000000)
    ask = b"\x23\0\x06\xec" + b"\0" * 36 + stamp
    answer = b"\x24\x02\x06\xec\0\0\x01\0\0\0\x02\0" + b"\xc0\0\2\1" + stamp + stamp + stamp + stamp
    yield at, line.frame(True, UDP(sport=sport, dport=123) / Raw(ask))
    yield at + rtt, line.frame(False, UDP(sport=123, dport=sport) / Raw(answer))


def ping(host: Host, server: str, count: int, at: float, rtt: float) -> Iterator[Timed]:
    """`count` echo requests and replies, one a second, of ICMP or ICMPv6."""
    line = Line(host, server)
    for n in range(count):
        data = bytes(range(56))
        pair: tuple[Packet, Packet]
        if line.six:
            pair = ICMPv6EchoRequest(id=7, seq=n, data=data), ICMPv6EchoReply(id=7, seq=n, data=data)
        else:
            pair = ICMP(type=8, id=7, seq=n) / Raw(data), ICMP(type=0, id=7, seq=n) / Raw(data)
        yield at + n, line.frame(True, pair[0])
        yield at + n + rtt, line.frame(False, pair[1])


def link(host: Host, at: float) -> Iterator[Timed]:
    """What a host says when it joins: DHCP request (RFC 2131), then ARP for the router."""
    options: list[object] = [("message-type", "request"), ("requested_addr", host.ip4), ("hostname", "desk"),
                             ("param_req_list", [1, 3, 6, 15, 26, 28, 51, 58, 59]), "end"]
    mac = bytes.fromhex(host.mac.replace(":", ""))
    yield at, (Ether(src=host.mac, dst="ff:ff:ff:ff:ff:ff") / IP(src="0.0.0.0", dst="255.255.255.255")
               / UDP(sport=68, dport=67) / BOOTP(chaddr=mac, xid=7) / DHCP(options=options))
    yield at + 0.4, (Ether(src=host.mac, dst="ff:ff:ff:ff:ff:ff")
                     / ARP(hwsrc=host.mac, psrc=host.ip4, pdst="192.168.10.1"))
    yield at + 0.4004, (Ether(src=ROUTER_MAC, dst=host.mac) / ARP(op=2, hwsrc=ROUTER_MAC, psrc="192.168.10.1",
                                                                  hwdst=host.mac, pdst=host.ip4))


def scene() -> Iterator[Timed]:
    """The whole capture: three hosts in about two minutes of an office morning."""
    dice = random.Random(20251009)
    desk, laptop, probe = Host(21), Host(22), Host(23)
    yield from link(desk, START)
    yield from ntp(desk, "192.0.2.123", START + 1, 0.018)
    yield from dns(desk, "8.8.8.8", "www.example.com", ["198.51.100.80"], START + 2, 0.012)
    yield from http(desk, "198.51.100.80", "www.example.com", "/index.html", "text/html", 14_300, START + 2.1, 0.021)
    yield from http(desk, "198.51.100.80", "www.example.com", "/logo.png", "image/png", 48_000, START + 2.6, 0.021)
    yield from dns(desk, "1.1.1.1", "www.wikipedia.org", ["203.0.113.10"], START + 5, 0.009)
    yield from tls(desk, "203.0.113.10", "www.wikipedia.org", 52_000, START + 5.1, 0.03, dice, again=9)
    yield from dns(laptop, "9.9.9.9", "www.google.com", ["2001:4860:4860::8844"], START + 8, 0.015)
    yield from tls(laptop, "2001:4860:4860::8844", "www.google.com", 21_000, START + 8.1, 0.014, dice)
    yield from tls(laptop, "8.8.4.4", "dns.google", 1_900, START + 12, 0.011, dice)
    yield from tls(laptop, "1.0.0.1", "cloudflare-dns.com", 2_300, START + 13, 0.008, dice)
    yield from tls(desk, "203.0.113.44", "www.youtube.com", 160_000, START + 20, 0.025, dice)
    yield from dns(laptop, "2606:4700:4700::1111", "ipv6.example.net", ["2001:db8:80::1"], START + 30, 0.01)
    yield from dns(laptop, "208.67.222.222", "no-such-name.example", [], START + 31, 0.019)
    yield from ping(desk, "1.1.1.1", 5, START + 40, 0.009)
    yield from ping(laptop, "2001:4860:4860::8888", 3, START + 45, 0.013)
    yield from ssh(desk, "198.51.100.22", START + 50, 0.04, dice)
    yield from tls(desk, "203.0.113.77", "api.github.com", 9_000, START + 70, 0.09, dice)
    for n, port in enumerate((21, 23, 25, 110, 139, 445, 3389, 8080)):
        line, sport = Line(probe, "198.51.100.80"), probe.port()
        at = START + 90 + n * 0.05
        yield at, line.frame(True, TCP(sport=sport, dport=port, flags="S", seq=1, window=1024))
        yield at + 0.02, line.frame(False, TCP(sport=port, dport=sport, flags="RA", ack=2, window=0))
    yield from tcp(probe, "198.51.100.80", 80, [(True, b"GET /admin HTTP/1.1\r\nHost: 198.51.100.80\r\n\r\n")],
                   START + 95, 0.02, reset=True)


def main() -> None:
    """Write the capture to the path given, or to its place in the project."""
    out = Path(sys.argv[1]) if len(sys.argv) > 1 else OUT
    packets = []
    for at, packet in sorted(scene(), key=lambda timed: timed[0]):
        packet.time = round(at, 6)
        packets.append(packet)
    out.parent.mkdir(parents=True, exist_ok=True)
    wrpcap(str(out), packets, linktype=1)
    print(f"{out}: {len(packets)} packets, {out.stat().st_size} bytes")


if __name__ == "__main__":
    main()
