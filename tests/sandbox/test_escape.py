"""Commands that try to leave the sandbox, and fail: each as root's guest and as an ordinary user's."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from .conftest import Box

#: Begins every program that reports by one line of JSON.
TRY = """
import ctypes, errno, json, os, socket, stat, sys
def attempt(call, *arguments):
    try:
        return repr(call(*arguments))
    except Exception as error:
        return type(error).__name__ + ":" + errno.errorcode.get(getattr(error, "errno", 0) or 0, "")
def syscall(number, *arguments):
    libc = ctypes.CDLL(None, use_errno=True)
    done = libc.syscall(number, *arguments)
    if done < 0:
        raise OSError(ctypes.get_errno(), "syscall")
    return done
found = {}
"""
END = "\nprint(json.dumps(found))"
#: How an attempt may fail.
REFUSED = (
    "PermissionError", "FileNotFoundError", "OSError", "ProcessLookupError", "ConnectionRefusedError", "gaierror",
    "TimeoutError", "NotADirectoryError",
)


def refused(found: dict[str, str]) -> bool:
    """Whether every attempt failed; shows those that did not."""
    succeeded = {what: how for what, how in found.items() if not how.startswith(REFUSED)}
    assert succeeded == {}
    return bool(found)


@pytest.fixture
def listener() -> Iterator[int]:
    """A server on this machine's loopback; returns its port, and fails the test when anybody connects."""
    visitors: list[object] = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        def serve() -> None:
            try:
                while True:
                    visitors.append(server.accept())
            except OSError:
                pass

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)
        thread.join(5)
    assert visitors == []


@pytest.fixture
def secret() -> Iterator[Path]:
    """A file that everybody on this machine may read and write, and no sandbox."""
    with tempfile.NamedTemporaryFile("w", dir="/var/tmp", prefix="tapiary-secret-", delete=False) as file:
        file.write("the server's secret\n")
    path = Path(file.name)
    path.chmod(0o666)
    yield path
    assert path.read_text() == "the server's secret\n"
    path.unlink()


def test_no_network(box: Box, listener: int) -> None:
    found = box.findings(TRY + f"""
for address in ("127.0.0.1", "localhost", "8.8.8.8", "169.254.169.254"):
    found[address] = attempt(socket.create_connection, (address, {listener}), 2)
def dns():
    query = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    query.settimeout(2)
    query.sendto(bytes(12), ("8.8.8.8", 53))
    return query.recv(512)
found["dns"] = attempt(dns)
found["name"] = attempt(socket.gethostbyname, "example.com")
found["raw"] = attempt(socket.socket, socket.AF_INET, socket.SOCK_RAW, 6)
found["packet"] = attempt(socket.socket, socket.AF_PACKET, socket.SOCK_RAW, 3)
found["vsock"] = attempt(socket.socket, 40, socket.SOCK_STREAM)
""" + END)
    assert refused(found)


def test_no_sockets_of_this_machine(box: Box) -> None:
    """Abstract names belong to the network namespace, others to a path."""
    name = f"\0tapiary-{os.getpid()}"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(name)
        server.listen()
        found = box.findings(TRY + f"""
for name in ({name!r}, "/var/run/docker.sock", "/run/dbus/system_bus_socket"):
    found[name] = attempt(socket.socket(socket.AF_UNIX).connect, name)
""" + END)
    assert refused(found)


def test_no_files_of_others(box: Box, secret: Path, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "tapiary.db").write_text("database")
    places = [secret, tmp_path, tmp_path / "other" / "tapiary.db", box.base / "stdout.log", box.base,
              "/etc/shadow", "/etc/passwd", "/etc/hosts", "/root/.ssh", "/home", "/var/log", "/boot", "/sys/kernel"]
    found = box.findings(TRY + f"""
for place in {[str(place) for place in places]!r}:
    found[place] = attempt(os.listdir, place)
    found["read " + place] = attempt(open, place)
    found["up " + place] = attempt(open, "../../../../.." + place)
    found["root " + place] = attempt(open, "/proc/1/root" + place)
    found["parent " + place] = attempt(open, f"/proc/{{os.getppid()}}/root" + place)
    found["cwd " + place] = attempt(open, "/proc/1/cwd/../.." + place)
""" + END)
    found = {key: value for key, value in found.items() if not key.endswith(" /root/.ssh")}
    assert refused(found)


def test_hidden_places_are_empty_even_inside_of_what_is_shown(box: Box) -> None:
    folder = Path("/usr/share/misc")
    if not folder.is_dir():
        pytest.skip("no /usr/share/misc here")
    ran = box(f"ls -A {folder}; touch {folder}/x; cat /usr/bin/env | wc -c", hidden=(folder, Path("/usr/bin/env")))
    assert ran.stdout.split() == ["0"]
    assert len(ran.stderr.splitlines()) == 2


def test_the_programs_own_settings_and_data_are_not_shown_with_it(own_box: Box, tmp_path: Path) -> None:
    ran = own_box(f'"$SCRIPT_PYTHON" -c "import tapiary, pyarrow; print(1)"; ls {tmp_path} {sys.prefix} '
                  f"{Path(sys.prefix).parent}", needs_program=True)
    assert ran.stdout.startswith("1\n")
    assert not {"tapiary.toml", "data", "tests", "pyproject.toml", ".git"} & set(ran.stdout.split())


def test_no_writing_outside(box: Box, secret: Path) -> None:
    found = box.findings(TRY + f"""
for place in ("/x", "/usr/x", "/usr/bin/env", "/etc/x", "/dev/x", "/proc/sys/kernel/core_pattern", "/run/x", "/var/x",
              "/proc/sysrq-trigger", {str(secret)!r}):
    found[place] = attempt(open, place, "w")
found["map"] = attempt(lambda: os.write(os.open("/proc/self/uid_map", os.O_WRONLY), b"0 0 1"))
found["remount"] = attempt(syscall, {165 if os.uname().machine == "x86_64" else 40}, b"", b"/", None, 32, None)
found["chmod"] = attempt(os.chmod, "/usr/bin/env", 0o777)
found["utime"] = attempt(os.utime, "/usr/bin/env")
""" + END)
    assert refused(found)


def test_the_input_is_the_original_and_stays(box: Box, secret: Path) -> None:
    found = box.findings(TRY + """
path = "/job/input.pcap"
found["write"] = attempt(open, path, "r+")
found["append"] = attempt(open, path, "a")
found["truncate"] = attempt(os.truncate, path, 0)
found["unlink"] = attempt(os.unlink, path)
found["rename"] = attempt(os.rename, path, "/job/other")
found["replace"] = attempt(os.replace, "/proc/self/cmdline", path)
found["chmod"] = attempt(os.chmod, path, 0o777)
found["link"] = attempt(os.link, path, "/job/hard")
found["reopen"] = attempt(lambda: os.open(f"/proc/self/fd/{os.open(path, os.O_RDONLY)}", os.O_RDWR))
""" + END, inputs=((secret, "/job/input.pcap"),))
    assert refused(found)


def test_no_devices(box: Box) -> None:
    found = box.findings(TRY + """
for name, kind, major, minor in (("disk", stat.S_IFBLK, 8, 0), ("vda", stat.S_IFBLK, 254, 0),
                                 ("mem", stat.S_IFCHR, 1, 1), ("kmsg", stat.S_IFCHR, 1, 11)):
    for folder in ("/job", "/tmp", "/dev/shm"):
        found[f"{folder}/{name}"] = attempt(os.mknod, f"{folder}/{name}", kind | 0o666, os.makedev(major, minor))
for name in ("/dev/sda", "/dev/vda", "/dev/mem", "/dev/kmsg", "/dev/kvm", "/dev/fuse", "/dev/net/tun", "/dev/core",
             "/proc/kcore", "/dev/loop-control", "/dev/console"):
    found[name] = attempt(open, name, "rb")
""" + END)
    assert refused(found)


def test_no_processes_of_this_machine(box: Box) -> None:
    other = subprocess.Popen(["sleep", "60"])
    try:
        found = box.findings(TRY + f"""
for pid in ({other.pid}, {os.getpid()}):
    found[f"kill {{pid}}"] = attempt(os.kill, pid, 9)
    found[f"look {{pid}}"] = attempt(open, f"/proc/{{pid}}/environ")
count = len([name for name in os.listdir("/proc") if name.isdigit()])
found["count"] = "OSError" if count <= 3 else str(count)
""" + END)
        assert refused(found)
        box("kill -9 -1; kill -9 0")
        assert other.poll() is None
    finally:
        other.kill()
        other.wait()


def test_the_sandboxs_first_process_is_no_way_out(box: Box) -> None:
    trace = 101 if os.uname().machine == "x86_64" else 117
    ran = box(["python3", "-c", TRY + f"""
found["trace"] = attempt(syscall, {trace}, 16, 1, 0, 0)
found["memory"] = attempt(open, "/proc/1/mem", "r+b")
found["maps"] = attempt(lambda: os.listdir("/proc/1/root/var/lib"))
def environment():
    data = open("/proc/1/environ").read()
    if set(name.split("=")[0] for name in data.split("\\0") if name) <= {{"PATH", "PWD", "SHLVL", "_"}}:
        raise PermissionError
    return data
found["environment"] = attempt(environment)
""" + END])
    found = json.loads(ran.stdout)
    # An ordinary user's first process may be looked at by the command, but has nothing that the command has not.
    assert refused({key: value for key, value in found.items() if key != "memory" or not box.as_somebody})


def test_no_rights_and_no_way_to_get_any(box: Box) -> None:
    clone = 56 if os.uname().machine == "x86_64" else 220
    unshare = 272 if os.uname().machine == "x86_64" else 97
    found = box.findings(TRY + f"""
status = dict(line.split(":\\t", 1) for line in open("/proc/self/status").read().splitlines() if ":\\t" in line)
for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
    found[name] = "OSError" if int(status[name], 16) == 0 else status[name]
found["no_new_privs"] = "OSError" if status["NoNewPrivs"] == "1" else status["NoNewPrivs"]
found["filter"] = "OSError" if status["Seccomp"] == "2" else status["Seccomp"]
found["not root"] = "OSError" if 0 not in os.getresuid() + os.getresgid() + tuple(os.getgroups()) else "root"
found["setuid"] = attempt(os.setuid, 0)
found["setgid"] = attempt(os.setgroups, [0])
found["chown"] = attempt(os.chown, "/job", 0, 0)
found["chroot"] = attempt(os.chroot, "/job")
found["unshare"] = attempt(syscall, {unshare}, 0x10000000)
found["clone"] = attempt(syscall, {clone}, 0x10000011, 0, 0, 0, 0)
found["setns"] = attempt(lambda: syscall({308 if clone == 56 else 268}, os.open("/proc/1/ns/mnt", 0), 0))
found["keys"] = attempt(syscall, {250 if clone == 56 else 219}, 0, -3, 1)
found["bpf"] = attempt(syscall, {321 if clone == 56 else 280}, 0, 0, 0)
found["io_uring"] = attempt(syscall, 425, 1, 0)
found["hidden memory"] = attempt(syscall, {319 if clone == 56 else 279}, b"x", 0)
found["shared memory"] = attempt(syscall, {29 if clone == 56 else 194}, 0, 1 << 20, 0o1600)
found["hostname"] = attempt(socket.sethostname, "x")
""" + END)
    assert refused(found)


def test_programs_that_give_rights_give_none(box: Box) -> None:
    ran = box("su -c id; mount -t tmpfs x /tmp; cp /bin/sh mine; chmod 4755 mine; ./mine -p -c id; unshare -r id")
    assert "uid=0" not in ran.stdout


def test_terminals_cannot_be_typed_into(box: Box) -> None:
    """A command in its caller's session could push characters into the terminal (TIOCSTI)."""
    found = box.findings(TRY + """
import fcntl
found["terminal"] = attempt(open, "/dev/tty", "r+b", 0)
found["input"] = attempt(fcntl.ioctl, 0, 0x5412, b"x")
""" + END)
    assert refused(found)


def test_links_lead_to_what_the_sandbox_shows(box: Box, secret: Path) -> None:
    ran = box(f"ln -s {secret} a; ln -s /proc/1/root{secret} b; cat a b; ln {secret} c; ls")
    assert "secret" not in ran.stdout.replace(secret.name, "")
    assert ran.stdout.split() == ["a", "b"]


def test_nothing_of_the_callers_descriptors(box: Box) -> None:
    ran = box("ls -l /proc/self/fd | sed 's/.*-> //' | sort")
    assert all(target.startswith(("/dev/null", "pipe:", "/proc/", "total")) for target in ran.stdout.splitlines())


def test_the_sandbox_dies_with_the_process_that_made_it(tmp_path: Path) -> None:
    """As when a worker is killed: nothing of the former attempt may run beside the next one."""
    marker = f"4713.{os.getpid()}"
    program = (
        "from pathlib import Path\nfrom tapiary.config import ScriptsConfig\n"
        "from tapiary.sandbox import Order, folder_for, run\n"
        f"base = Path({str(tmp_path)!r})\n"
        f"run(Order('orphan', ('sh', '-c', 'echo begun; setsid sleep {marker} & sleep {marker}'),"
        " folder_for('orphan', base / 'job'), base), ScriptsConfig(sandbox='bubblewrap'))\n"
    )
    with subprocess.Popen([sys.executable, "-c", program], stderr=subprocess.PIPE) as made:
        log = tmp_path / "stdout.log"
        try:
            wait_for(lambda: made.poll() is not None or (log.exists() and log.read_text() == "begun\n"))
            if made.poll() is not None and "CI" not in os.environ:
                pytest.skip("no sandbox here")
            wait_for(lambda: running(marker))
        finally:
            made.kill()
    wait_for(lambda: not running(marker))


def running(marker: str) -> bool:
    """Whether a process named sleep has the marker in its command line."""
    return subprocess.run(["pgrep", "-f", f"^sleep {marker}"], stdout=subprocess.DEVNULL, check=False).returncode == 0


def wait_for(condition: object, within_s: float = 20.0) -> None:
    """Waits until something is so; fails after a while."""
    import time

    assert callable(condition)
    end = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)
