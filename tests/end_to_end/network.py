"""Network namespaces with real servers in them, and clients that make real traffic.

    hive (here) ── mgmt ──┬── probe A ── line A ──┐
                          └── probe B ── line B ──┴── servers: HTTP, TLS, DNS, SSH

Each probe is a host with clients on it; a drone there captures the line to the servers and reaches the hive over a
cable of its own, which tests may cut.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import IO

import pytest

#: Where Debian puts what only administrators start.
PATH = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
PROGRAMS = ("ip", "tcpdump", "nginx", "dnsmasq", "sshd", "ssh", "curl", "dig", "openssl", "ping")
#: Ports of the servers.
HTTP, TLS, DNS, SSH = 80, 443, 53, 22


def require() -> None:
    """Skip where this cannot run; on CI it must."""
    missing = [name for name in PROGRAMS if shutil.which(name, path=PATH) is None]
    reason = f"needs {', '.join(missing)}" if missing else "needs root for network namespaces" if os.getuid() else ""
    if not reason and run(["ip", "netns", "list"], check=False).returncode:
        reason = "network namespaces cannot be made here"
    if reason and os.environ.get("CI"):
        pytest.fail(reason)
    if reason:
        pytest.skip(reason)


def run(command: Sequence[str], *, check: bool = True, timeout: float = 30) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=timeout,
                          env={**os.environ, "PATH": PATH, "LC_ALL": "C"})
    if check and done.returncode:
        raise AssertionError(f"{' '.join(command)}: {done.returncode}: {done.stdout}{done.stderr}")
    return done


class Host:
    """A network namespace."""

    def __init__(self, name: str) -> None:
        self.name = name
        run(["ip", "netns", "add", name])
        self.run("ip", "link", "set", "lo", "up")
        self._processes: list[subprocess.Popen[bytes]] = []

    def run(self, *command: str, check: bool = True, timeout: float = 30) -> subprocess.CompletedProcess[str]:
        """Run a command there."""
        return run(["ip", "netns", "exec", self.name, *command], check=check, timeout=timeout)

    def start(self, *command: str, log: IO[bytes] | None = None, env: dict[str, str] | None = None
              ) -> subprocess.Popen[bytes]:
        """Start a program there, in a process group of its own."""
        process = subprocess.Popen(
            ["ip", "netns", "exec", self.name, *command], stdin=subprocess.DEVNULL,
            stdout=log or subprocess.DEVNULL, stderr=log or subprocess.DEVNULL,
            env={**os.environ, "PATH": PATH, **(env or {})}, start_new_session=True)
        self._processes.append(process)
        return process

    def close(self) -> None:
        """End all that runs there, and the namespace."""
        for pid in run(["ip", "netns", "pids", self.name], check=False).stdout.split():
            try:
                os.kill(int(pid), 9)
            except ProcessLookupError:
                continue
        for process in self._processes:
            process.wait(timeout=10)
        run(["ip", "netns", "del", self.name], check=False)


class Network:
    """Servers and two probes; use it in a `with`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        tag = f"{os.getpid() % 100_000:x}"
        self._tag = tag
        #: Second byte of our addresses, so that two networks do not meet in the hive's namespace.
        self._net = 16 + os.getpid() % 200
        self._hosts: list[Host] = []

    def __enter__(self) -> Network:
        try:
            self.servers = self._host("s")
            self.probes = [self._host("a"), self._host("b")]
            for n, probe in enumerate(self.probes):
                self._cable_line(n, probe)
                self._cable_hive(n, probe)
            self._serve()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for host in self._hosts:
            host.close()
        for n in range(2):
            run(["ip", "link", "del", self.cable(n)], check=False)

    def cable(self, n: int) -> str:
        """The hive's end of the cable to a probe."""
        return f"tpm{n}{self._tag}"

    def hive_address(self, n: int) -> str:
        """The hive's address as a probe sees it."""
        return f"10.{self._net}.{10 + n}.1"

    def server_address(self, n: int) -> str:
        """The servers' address on a line."""
        return f"10.{self._net}.{20 + n}.1"

    def cut(self, n: int) -> None:
        """Pull the cable between the hive and a probe."""
        run(["ip", "link", "set", self.cable(n), "down"])

    def mend(self, n: int) -> None:
        """Plug it in again."""
        run(["ip", "link", "set", self.cable(n), "up"])

    def _host(self, letter: str) -> Host:
        host = Host(f"tp{letter}{self._tag}")
        self._hosts.append(host)
        return host

    def _cable_line(self, n: int, probe: Host) -> None:
        near, far = f"tpl{n}{self._tag}", f"tpx{n}{self._tag}"
        run(["ip", "link", "add", near, "type", "veth", "peer", "name", far])
        for end, host, name, last in ((near, probe, "line", 2), (far, self.servers, f"line{n}", 1)):
            run(["ip", "link", "set", end, "netns", host.name])
            host.run("ip", "link", "set", end, "name", name)
            host.run("ip", "address", "add", f"10.{self._net}.{20 + n}.{last}/24", "dev", name)
            host.run("ip", "link", "set", name, "up")

    def _cable_hive(self, n: int, probe: Host) -> None:
        far = f"tpy{n}{self._tag}"
        run(["ip", "link", "add", self.cable(n), "type", "veth", "peer", "name", far])
        run(["ip", "address", "add", f"{self.hive_address(n)}/24", "dev", self.cable(n)])
        run(["ip", "link", "set", self.cable(n), "up"])
        run(["ip", "link", "set", far, "netns", probe.name])
        probe.run("ip", "link", "set", far, "name", "mgmt")
        probe.run("ip", "address", "add", f"10.{self._net}.{10 + n}.2/24", "dev", "mgmt")
        probe.run("ip", "link", "set", "mgmt", "up")

    def _serve(self) -> None:
        folder = self.folder / "servers"
        (folder / "www").mkdir(parents=True)
        folder.chmod(0o755)
        (folder / "www" / "index.html").write_text("<title>hello</title>" + "x" * 20_000)
        key, cert = folder / "key.pem", folder / "cert.pem"
        run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
             "-keyout", str(key), "-out", str(cert), "-days", "2", "-subj", "/CN=www.tapiary.test",
             "-addext", "subjectAltName=DNS:www.tapiary.test"])
        (folder / "nginx.conf").write_text(f"""
worker_processes 1; daemon off; pid {folder}/nginx.pid; error_log {folder}/nginx.log; user root;
events {{ worker_connections 256; }}
http {{ access_log off; client_body_temp_path {folder}/t1; proxy_temp_path {folder}/t2; fastcgi_temp_path {folder}/t3;
  uwsgi_temp_path {folder}/t4; scgi_temp_path {folder}/t5;
  server {{ listen {HTTP}; listen {TLS} ssl; ssl_certificate {cert}; ssl_certificate_key {key}; root {folder}/www; }} }}
""")
        host_key = folder / "host_key"
        run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(host_key)])
        Path("/run/sshd").mkdir(exist_ok=True)
        self.servers.start("nginx", "-c", str(folder / "nginx.conf"))
        self.servers.start("dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--no-resolv", "--no-hosts",
                           "--user=root", f"--pid-file={folder}/dnsmasq.pid", "--bind-interfaces",
                           "--interface=line0", "--interface=line1", "--address=/tapiary.test/192.0.2.7")
        self.servers.start("/usr/sbin/sshd", "-D", "-f", "/dev/null", "-h", str(host_key), "-o", "PidFile=none",
                           "-o", "UsePAM=no")
        for n, probe in enumerate(self.probes):
            self._wait_for_servers(n, probe)

    def _wait_for_servers(self, n: int, probe: Host) -> None:
        address, end = self.server_address(n), time.monotonic() + 20
        for port in (HTTP, TLS, SSH):
            while probe.run("bash", "-c", f"exec 3<>/dev/tcp/{address}/{port}", check=False).returncode:
                assert time.monotonic() < end, f"nobody answers on port {port}"
                time.sleep(0.1)
        while self.ask_dns(n, check=False) == "":
            assert time.monotonic() < end, "no name server answers"
            time.sleep(0.1)

    # Traffic: each call is one flow.

    def get_http(self, n: int) -> None:
        """One page over HTTP."""
        self.probes[n].run("curl", "-sS", "--fail", "-o", "/dev/null", "-H", "Host: www.tapiary.test",
                           f"http://{self.server_address(n)}/")

    def get_tls(self, n: int) -> None:
        """One page over HTTPS."""
        self.probes[n].run("curl", "-sSk", "--fail", "-o", "/dev/null", "--resolve",
                           f"www.tapiary.test:{TLS}:{self.server_address(n)}", "https://www.tapiary.test/")

    def ask_dns(self, n: int, *, check: bool = True) -> str:
        """One name."""
        return self.probes[n].run("dig", "+short", "+tries=1", "+time=2", f"@{self.server_address(n)}",
                                  "host.tapiary.test", check=check).stdout.strip()

    def try_ssh(self, n: int) -> None:
        """One login that is refused: nobody has a key."""
        done = self.probes[n].run(
            "ssh", "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null",
            "-F", "/dev/null", "-i", "/dev/null", f"nobody@{self.server_address(n)}", "true", check=False)
        assert "denied" in done.stderr, done.stderr

    def ping(self, n: int) -> None:
        """One echo."""
        self.probes[n].run("ping", "-c", "1", "-W", "2", self.server_address(n))


def free_port() -> int:
    """A port that is free on all addresses at this moment."""
    with socket.socket() as probe:
        probe.bind(("0.0.0.0", 0))
        port: int = probe.getsockname()[1]
        return port
