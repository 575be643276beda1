"""Docker's sandbox, as far as it can be tried without an engine: a stand-in for its client records what it is told."""

from __future__ import annotations

import os
import time
from pathlib import Path

import msgspec
import pytest

from tapiary.config import ScriptsConfig
from tapiary.errors import Unavailable
from tapiary.sandbox import Order, find_engine, folder_for, run

#: Behaves as the client; each test says what `run` does.
CLIENT = """#!/bin/sh
printf '%s\\n' "$@" --- >> "{log}"
case "$1" in
version) echo 99.1 ;;
run) {does} ;;
esac
"""
CONFIG = ScriptsConfig(sandbox="docker", memory_bytes=1 << 28, processes=32, output_bytes=1 << 24, image="some:image")


@pytest.fixture
def calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file in which the stand-in records its arguments, one a line."""
    return client(tmp_path, monkeypatch, "echo out; echo err >&2; exit 3")


def client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, does: str) -> Path:
    """A stand-in whose containers do this."""
    folder, log = tmp_path / "bin", tmp_path / "calls"
    folder.mkdir(exist_ok=True)
    (folder / "docker").write_text(CLIENT.format(log=log, does=does))
    (folder / "docker").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    return log


def order(tmp_path: Path) -> Order:
    """An order with an input whose name has a comma."""
    capture = tmp_path / "a,b.pcap"
    capture.touch()
    return Order("job-7", ("bash", "-e", "script.sh", "input.pcap", "output_dir/", "a b"),
                 folder_for("job-7", tmp_path / "job"), tmp_path, ((capture, "/job/input.pcap"),),
                 environment={"SCRIPT_CAPTURE": "x y"})


def test_the_exact_command(calls: Path, tmp_path: Path) -> None:
    wanted = order(tmp_path)
    outcome = run(wanted, CONFIG)
    assert (outcome.exit_code, outcome.reason, outcome.engine, outcome.last_error) == (3, "", "docker", "err")
    owner = wanted.folder.stat()
    told = calls.read_text().split("---\n")
    assert told[0].splitlines() == ["version", "--format", "{{.Server.Version}}"]
    assert told[1].splitlines() == ["rm", "--force", "tapiary-job-7"]
    assert told[2].splitlines() == [
        "run", "--rm", "--init", "--name", "tapiary-job-7", "--label", "tapiary=script", "--network", "none",
        "--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges", "--user",
        f"{owner.st_uid}:{owner.st_gid}", "--pids-limit", "32", "--memory", "268435456", "--memory-swap", "268435456",
        "--cpus", str(max(1, (os.cpu_count() or 1) // 2)), "--cpu-shares", "256", "--ulimit", "fsize=17825792",
        "--ulimit", "core=0", "--ulimit", "nofile=1024", "--tmpfs", "/tmp:rw,nosuid,nodev,mode=1777,size=67108864",
        "--shm-size", "67108864", "--log-driver", "none", "--workdir", "/job", "--env", "HOME=/job",
        "--env", "LANG=C.UTF-8", "--env", "SCRIPT_CAPTURE=x y", "--mount",
        f"type=bind,source={tmp_path}/job,target=/job", "--mount",
        f'type=bind,"source={tmp_path}/a,b.pcap",target=/job/input.pcap,readonly',
        "--entrypoint", "bash", "some:image", "-e", "script.sh", "input.pcap", "output_dir/", "a b",
    ]


def test_the_container_is_not_roots(calls: Path, tmp_path: Path) -> None:
    assert order(tmp_path).folder.stat().st_uid != 0


def test_the_time_limit_ends_the_container(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = client(tmp_path, monkeypatch, "exec sleep 100")
    began = time.monotonic()
    outcome = run(order(tmp_path), msgspec.structs.replace(CONFIG, time_limit_s=0.5))
    assert outcome.reason == "timeout"
    assert time.monotonic() - began < 10
    assert calls.read_text().split("---\n")[-2].splitlines() == ["rm", "--force", "tapiary-job-7"]


def test_the_kernels_memory_killer_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    client(tmp_path, monkeypatch, "exit 137")
    assert run(order(tmp_path), CONFIG).reason == "memory"


def test_output_is_watched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    client(tmp_path, monkeypatch, f"truncate -s 20M {tmp_path}/job/big; exec sleep 100")
    assert run(order(tmp_path), CONFIG).reason == "output"


def test_auto_takes_docker_but_bubblewrap_for_the_programs_own(calls: Path) -> None:
    auto = msgspec.structs.replace(CONFIG, sandbox="auto")
    assert find_engine(auto) == ("docker", "99.1")
    try:
        find_engine(msgspec.structs.replace(CONFIG, sandbox="bubblewrap"))
    except Unavailable:
        assert find_engine(auto, needs_program=True)[0] == "docker"
    else:
        assert find_engine(auto, needs_program=True)[0] == "bubblewrap"


def test_without_an_engine_the_reason_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "docker").write_text("#!/bin/sh\necho no daemon >&2\nexit 1\n")
    (folder / "docker").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    with pytest.raises(Unavailable, match="no daemon"):
        find_engine(CONFIG)


def test_none_means_none() -> None:
    with pytest.raises(Unavailable, match=r"scripts\.sandbox"):
        find_engine(ScriptsConfig(sandbox="none"))
