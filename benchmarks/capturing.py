"""Capturing: how many packets a drone drops where tcpdump alone drops none, and how fast its files reach the hive.

    sudo python -m benchmarks.capturing [--seconds 5] [--rounds 3] [--megabytes 500]

Needs root, tcpdump and tcpreplay (Debian packages of those names), scp and sshd for the comparison of uploads. Traffic
goes over a veth pair between the hive's namespace and one of its own; hive and drone are the real programs.
"""

from __future__ import annotations

import argparse
import os
import re
import signal
import statistics
import struct
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from pytci import PyTCI
from tests.end_to_end.drone import DroneProcess, wait_until
from tests.end_to_end.network import PATH, Host, free_port, run
from tests.end_to_end.server import Server

#: Bytes of a packet on the wire, as of an ordinary mix.
PACKET = 512
RATES = (100_000, 200_000, 400_000, 600_000, 800_000, 1_000_000, 1_200_000, 1_500_000, 2_000_000)


@dataclass
class Line:
    """A veth pair: `near` here, `far` in a namespace that sends."""

    host: Host
    near: str

    def __init__(self) -> None:
        tag = f"{os.getpid() % 10_000}"
        self.host, self.near = Host(f"bench{tag}"), f"bn{tag}"
        run(["ip", "link", "add", self.near, "type", "veth", "peer", "name", f"bf{tag}"])
        run(["ip", "link", "set", f"bf{tag}", "netns", self.host.name])
        self.far = f"bf{tag}"
        run(["ip", "link", "set", self.near, "up"])
        self.host.run("ip", "link", "set", self.far, "up")

    def send(self, trace: Path, rate: int, seconds: float) -> int:
        """Send at a rate; returns the packets sent."""
        limit = str(int(rate * seconds))
        done = self.host.run("tcpreplay", "-i", self.far, "--preload-pcap", "--pps", str(rate), "--loop", "0",
                             "--limit", limit, str(trace), timeout=seconds * 10 + 60)
        sent = re.search(r"Actual: (\d+) packets", done.stdout)
        rated = re.search(r"([\d.]+) pps", done.stdout)
        assert sent, done.stdout
        self.rate = float(rated[1]) if rated else 0.0
        return int(sent[1])


def make_trace(path: Path) -> None:
    """1,000 UDP flows, so that the meter has something to do."""
    body = bytes(range(256)) * 2
    records = [struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262_144, 1)]
    for n in range(10_000):
        udp = struct.pack(">HHHH", 10_000 + n % 1000, 4000, PACKET - 34, 0)
        ip = struct.pack(">BBHHHBBHII", 0x45, 0, PACKET - 14, n, 0, 64, 17, 0, 0x0A000001, 0x0A000002)
        frame = (bytes(12) + b"\x08\x00" + ip + udp + body)[:PACKET]
        records.append(struct.pack("<IIII", n // 1000, n % 1000, PACKET, PACKET) + frame)
    path.write_bytes(b"".join(records))


def tcpdump_alone(line: Line, trace: Path, rate: int, seconds: float, folder: Path) -> tuple[int, int, int]:
    """Packets sent, captured and dropped by tcpdump with the same buffer as the drone's."""
    out = folder / "alone.pcap"
    process = subprocess.Popen(
        ["tcpdump", "-i", line.near, "-B", str(64 << 10), "--time-stamp-precision=nano", "-Z", "root", "-w", str(out),
         "udp"], stderr=subprocess.PIPE, text=True, env={**os.environ, "PATH": PATH})
    assert process.stderr is not None
    while "listening" not in process.stderr.readline():
        pass
    time.sleep(0.5)
    sent = line.send(trace, rate, seconds)
    time.sleep(1.5)
    process.send_signal(signal.SIGTERM)
    words = process.stderr.read()
    process.wait()
    out.unlink()
    counted = {name: int(number) for number, name in re.findall(r"(\d+) packets (captured|dropped by kernel)", words)}
    return sent, counted["captured"], counted["dropped by kernel"]


def by_drone(tci: PyTCI, line: Line, trace: Path, rate: int, seconds: float, live: bool) -> tuple[int, int, int]:
    """The same by a drone and its hive, files uploaded while it captures."""
    job = tci.create_job("rate", 600, 1 << 40, lines=["probe"], filter="udp", process=False, live=live)
    wait_until("it captures", lambda: tci.get_job(job.id).drones[0].status == "In progress")
    time.sleep(1.0)
    sent = line.send(trace, rate, seconds)
    time.sleep(1.5)
    tci.stop_job(job.id)
    share = tci.wait(job.id, timeout=600, progress=False, processed=False).drones[0]
    tci.delete_job(job.id)
    return sent, share.packets or 0, share.dropped or 0


def rates(tci: PyTCI, line: Line, folder: Path, seconds: float, rounds: int) -> None:
    trace = folder / "trace.pcap"
    make_trace(trace)
    best = 0
    print("| packets/s asked | sent/s | sent | tcpdump captured | dropped |\n|---|---|---|---|---|")
    for rate in RATES:
        sent, captured, dropped = tcpdump_alone(line, trace, rate, seconds, folder)
        print(f"| {rate:,} | {line.rate:,.0f} | {sent:,} | {captured:,} | {dropped:,} |", flush=True)
        if dropped:
            break
        best = rate
        if line.rate < rate * 0.9:
            break
    print(f"\nHighest rate without a drop by tcpdump alone: {best:,}/s asked\n")
    print("| round | tcpdump dropped | drone dropped | with live metering |\n|---|---|---|---|")
    for number in range(1, rounds + 1):
        drops = []
        for live in (None, False, True):
            sent, captured, dropped = (
                tcpdump_alone(line, trace, best, seconds, folder) if live is None
                else by_drone(tci, line, trace, best, seconds, live))
            drops.append(f"{dropped:,} of {sent:,} (captured {captured:,})")
        print(f"| {number} | {' | '.join(drops)} |", flush=True)


def uploads(server: Server, folder: Path, megabytes: int, rounds: int) -> None:
    """One file of random bytes by curl into the hive's repository, and by scp."""
    data = folder / "upload.pcap"
    make_trace(data)
    size = 0
    head = data.read_bytes()
    noise = os.urandom(1 << 20)
    with data.open("wb") as file:
        file.write(head)
        while file.tell() < megabytes << 20:
            file.write(noise)
        size = file.tell()
    daemon, options = start_sshd(folder)
    figures: dict[str, list[float]] = {"curl to the hive": [], "scp": []}
    for number in range(rounds):
        began = time.monotonic()
        subprocess.run(["curl", "-sS", "--fail", "-o", "/dev/null", "-H", f"Authorization: Bearer {server.token}",
                        "-T", str(data), "-X", "POST", f"{server.address}/files/upload?name=u{number}.bin"], check=True)
        figures["curl to the hive"].append(size / (time.monotonic() - began) / 1e6)
        began = time.monotonic()
        subprocess.run(["scp", *options, str(data), f"localhost:{folder}/scp.bin"], check=True)
        figures["scp"].append(size / (time.monotonic() - began) / 1e6)
    daemon.terminate()
    for name, values in figures.items():
        if values:
            print(f"| {name} | {statistics.median(values):,.0f} MB/s |")


def start_sshd(folder: Path) -> tuple[subprocess.Popen[bytes], list[str]]:
    """An SSH server that lets this user in, and what scp must be told to use it."""
    for name in ("host", "user"):
        run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)])
    (folder / "authorized").write_bytes((folder / "user.pub").read_bytes())
    Path("/run/sshd").mkdir(exist_ok=True)
    port = str(free_port())
    daemon = subprocess.Popen(
        ["/usr/sbin/sshd", "-D", "-f", "/dev/null", "-h", str(folder / "host"), "-p", port, "-o", "PidFile=none",
         "-o", f"AuthorizedKeysFile={folder}/authorized", "-o", "StrictModes=no", "-o", "UsePAM=no",
         "-o", "Subsystem=sftp internal-sftp"])
    time.sleep(1)
    return daemon, ["-q", "-P", port, "-i", str(folder / "user"), "-o", "BatchMode=yes",
                    "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null"]


def drone_uploads(tci: PyTCI, server: Server, line: Line, folder: Path, drone: DroneProcess, megabytes: int) -> None:
    """What is still to be sent when a capture ends, timed from the hive's side."""
    trace = folder / "big.pcap"
    make_trace(trace)
    job = tci.create_job("upload", 600, 1 << 40, lines=["probe"], filter="udp", process=False, live=False,
                         ring_bytes=megabytes << 21)
    wait_until("it captures", lambda: tci.get_job(job.id).drones[0].status == "In progress")
    line.send(trace, 150_000, (megabytes << 20) / PACKET / 150_000)
    time.sleep(1.5)
    tci.stop_job(job.id)
    began, first, moment, size = time.monotonic(), 0, 0.0, 0
    while True:
        share = tci.get_job(job.id).drones[0]
        if share.received and not first:
            first, moment = share.received, time.monotonic()
        if share.status == "Done":
            size = share.captured_data
            break
        time.sleep(0.01)
    seconds = time.monotonic() - (moment or began)
    print(f"| our drone, {size / 1e6:,.0f} MB, checked by SHA-256 | {(size - first) / seconds / 1e6:,.0f} MB/s |")
    tci.wait(job.id, timeout=600, progress=False, processed=False)
    tci.delete_job(job.id)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--megabytes", type=int, default=500)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="tapiary-bench-") as name:
        folder, line = Path(name), Line()
        server = Server(folder / "hive", TAPIARY_CAPTURE_MIN_FREE_BYTES="0",
                        TAPIARY_REPOSITORY_AUTO_PROCESS="false").start()
        tci = PyTCI(server.address.split("//")[1].split(":")[0], int(server.address.rsplit(":", 1)[1]))
        tci.set_access_token(server.token)
        token = str(tci.create_drone("probe", "").token)
        drone = DroneProcess(folder / "drone", server.address, token, line.near).start()
        try:
            wait_until("the drone is there", lambda: tci.get_drone("probe").status == "Sleeping", log=drone.log)
            rates(tci, line, folder, options.seconds, options.rounds)
            print("\n| upload | median |\n|---|---|")
            drone_uploads(tci, server, line, folder, drone, options.megabytes)
            uploads(server, folder, options.megabytes, options.rounds)
        finally:
            drone.stop()
            server.stop()
            line.host.close()


if __name__ == "__main__":
    main()
