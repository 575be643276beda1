"""The sandbox of Docker: one container without network and rights, with a system of the image's that is only read."""

from __future__ import annotations

import csv
import io
import os
import shutil
import subprocess

from tapiary.config import ScriptsConfig
from tapiary.errors import Unavailable

from .order import HOME, Order

#: An engine that does not answer within this time is not there.
ANSWER_S = 10.0
#: Share of the memory limit that files in /tmp, and in shared memory, may take.
_MEMORY_FOLDER = 4
#: One file may pass the limit of all by this much; then the watcher ends the command and says why.
_MORE_BYTES = 1 << 20


def container(order: Order) -> str:
    """The name of an order's container."""
    return f"tapiary-{order.name}"


def arguments(order: Order, config: ScriptsConfig) -> list[str]:
    """The command line that runs an order in a container that goes with it."""
    owner = order.folder.stat()
    folder = config.memory_bytes // _MEMORY_FOLDER
    line = [
        "docker", "run", "--rm", "--init", "--name", container(order), "--label", "tapiary=script",
        "--network", "none", "--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges",
        "--user", f"{owner.st_uid}:{owner.st_gid}",
        "--pids-limit", str(config.processes),
        "--memory", str(config.memory_bytes), "--memory-swap", str(config.memory_bytes),
        "--cpus", str(max(1, (os.cpu_count() or 1) // 2)), "--cpu-shares", "256",
        "--ulimit", f"fsize={config.output_bytes + _MORE_BYTES}", "--ulimit", "core=0", "--ulimit", "nofile=1024",
        "--tmpfs", f"/tmp:rw,nosuid,nodev,mode=1777,size={folder}", "--shm-size", str(folder),
        "--log-driver", "none", "--workdir", HOME, "--env", f"HOME={HOME}", "--env", "LANG=C.UTF-8",
    ]
    for name, value in order.environment.items():
        line += ["--env", f"{name}={value}"]
    line += ["--mount", _mount(str(order.folder), HOME)]
    for source, place in order.inputs:
        line += ["--mount", _mount(str(source), place, "readonly")]
    return [*line, "--entrypoint", order.command[0], config.image, *order.command[1:]]


def check() -> str:
    """The version of the engine that answers; raises Unavailable."""
    if shutil.which("docker") is None:
        raise Unavailable("docker not found")
    try:
        done = subprocess.run(
            ["docker", "version", "--format", "{{.Server.Version}}"], capture_output=True, text=True, check=False,
            timeout=ANSWER_S,
        )
    except (OSError, subprocess.TimeoutExpired):
        raise Unavailable("no Docker engine answers") from None
    if done.returncode:
        why = done.stderr.strip().splitlines()[-1:] or ["no reason given"]
        raise Unavailable(f"no Docker engine answers ({why[0]})")
    return done.stdout.strip()


def remove(order: Order) -> None:
    """End an order's container, also one that a former attempt left; none is no error."""
    subprocess.run(["docker", "rm", "--force", container(order)], stdout=subprocess.DEVNULL,
                   stderr=subprocess.DEVNULL, check=False, timeout=60)


def environment() -> dict[str, str]:
    """What the client needs to find the engine."""
    wanted = ("PATH", "HOME", "DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_CONFIG", "DOCKER_CERT_PATH", "DOCKER_TLS_VERIFY")
    return {name: os.environ[name] for name in wanted if name in os.environ}


def _mount(source: str, place: str, *options: str) -> str:
    """A mount as Docker reads it: one line of CSV, so that commas in names do no harm."""
    text = io.StringIO()
    csv.writer(text, lineterminator="").writerow(["type=bind", f"source={source}", f"target={place}", *options])
    return text.getvalue()
