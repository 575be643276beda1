"""The sandbox of bubblewrap: namespaces for everything, a system that is only read, one writable folder.

As root, bubblewrap makes the namespaces with root's rights and the command becomes an unused user before it starts; as
an ordinary user it makes them in a user namespace, in which no further ones can be made.
"""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path

from tapiary.config import ScriptsConfig
from tapiary.errors import Unavailable

from .order import HOME, Order
from .program import program_environment, program_paths
from .users import NOBODY, is_root, user_for

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
#: What there is of /etc: how to load and find programs, and what time it is. No users, no secrets, no settings of ours.
_ETC = ("alternatives", "ld.so.cache", "ld.so.conf", "ld.so.conf.d", "localtime", "mime.types", "protocols", "services")
_SYSTEM = ("bin", "sbin", "lib", "lib32", "lib64", "libx32")
#: Share of the memory limit that files in /tmp may take, and that shared memory may; both count as memory.
_MEMORY_FOLDER = 4
#: The kernel refuses processes this far above the limit; up to there the watcher sees who passes it and ends it.
_MORE_PROCESSES = 16
#: One file may pass the limit by this much, for the same reason.
_MORE_BYTES = 1 << 20
#: Open files of a process: the usual number.
_OPEN_FILES = 1024
#: Since this version `--disable-userns` exists, and since this kernel processes are counted by user namespace.
_DISABLE_USERNS, _COUNTED_BY_NAMESPACE = (0, 8), (5, 14)
_TOOLS = ("prlimit", "nice", "setpriv")


def arguments(order: Order, config: ScriptsConfig, seccomp: int | None, *, root: bool | None = None) -> list[str]:
    """The command line that runs an order. `seccomp` is the descriptor of the filter of system calls."""
    root = is_root() if root is None else root
    folder = str(max(config.memory_bytes // _MEMORY_FOLDER, 1 << 20))
    line = [_bwrap(), "--unshare-ipc", "--unshare-pid", "--unshare-net", "--unshare-uts", "--unshare-cgroup-try"]
    line += ["--hostname", "sandbox", "--die-with-parent", "--new-session", "--cap-drop", "ALL"]
    if root:  # just enough to become another user and to give up the way back, both done by setpriv below
        line += ["--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID", "--cap-add", "CAP_SETPCAP"]
    else:
        line += ["--unshare-user", "--uid", str(NOBODY), "--gid", str(NOBODY)]
        line += ["--disable-userns"] if _version() >= _DISABLE_USERNS else []
    if seccomp is not None:
        line += ["--seccomp", str(seccomp)]
    line += ["--clearenv"]
    environment = {"PATH": PATH, "HOME": HOME, "LANG": "C.UTF-8", **program_environment(), **order.environment}
    for name, value in environment.items():
        line += ["--setenv", name, value]
    # First of all: what is shown may lie below.
    line += ["--size", folder, "--perms", "1777", "--tmpfs", "/tmp"]
    line += list(_shown(order))
    line += ["--proc", "/proc", "--dev", "/dev"]
    line += ["--size", folder, "--perms", "1777", "--tmpfs", "/dev/shm", "--remount-ro", "/dev"]
    line += ["--bind", str(order.folder), HOME]
    for source, place in order.inputs:
        for above in reversed(Path(place).parents[:-1]):
            line += [] if above.is_relative_to(HOME) else ["--perms", "0755", "--dir", str(above)]
        line += ["--ro-bind", str(source), place]
    line += ["--remount-ro", "/", "--chdir", HOME, "--"]
    if root:
        user = str(user_for(order.name))
        line += ["setpriv", "--reuid", user, "--regid", user, "--clear-groups", "--no-new-privs", "--inh-caps=-all",
                 "--bounding-set=-all", "--"]
    return [*line, *_limits(config, root), "nice", "-n", "10", *order.command]


def check() -> str:
    """The version of the bubblewrap that is there and works; raises Unavailable with the way out."""
    missing = [tool for tool in ("bwrap", *_TOOLS) if shutil.which(tool, path=_search_path()) is None]
    if missing:
        raise Unavailable(f"{' and '.join(missing)} not found (Debian, Ubuntu: apt install bubblewrap util-linux)")
    version = ".".join(map(str, _version()))
    place = Path("/proc/self")
    probe = Order("probe", ("true",), place, place)
    line = arguments(probe, ScriptsConfig(), None)
    at = line.index("--bind")
    line[at:at + 3] = ["--dir", HOME]
    done = subprocess.run(line, capture_output=True, text=True, check=False, timeout=30, env={"PATH": _search_path()})
    if done.returncode:
        why = done.stderr.strip().splitlines()[-1:] or [f"exit code {done.returncode}"]
        raise Unavailable(
            f"bubblewrap {version} cannot make a sandbox here ({why[0]}); the system must allow user namespaces "
            "(kernel.unprivileged_userns_clone, kernel.apparmor_restrict_unprivileged_userns), or the server be root"
        )
    return version


def _shown(order: Order) -> Iterator[str]:
    """What of this system is shown, and what is hidden in it; folders before what lies in them."""
    places: dict[str, list[str]] = {"/usr": ["--ro-bind", "/usr", "/usr"]}
    for name in _SYSTEM:
        place = Path("/", name)
        if place.is_symlink():
            places[str(place)] = ["--symlink", os.readlink(place), str(place)]
        elif place.is_dir():
            places[str(place)] = ["--ro-bind", str(place), str(place)]
    for name in _ETC:
        places[f"/etc/{name}"] = ["--ro-bind-try", f"/etc/{name}", f"/etc/{name}"]
    for place in program_paths():
        if not _inside(place, ("/usr",)):
            places[str(place)] = ["--ro-bind", str(place), str(place)]
    bound = [place for place, words in places.items() if words[0] != "--symlink"]
    for hidden in order.hidden:
        if not _inside(hidden, bound) or not hidden.exists():
            continue
        text = str(hidden)
        if hidden.is_dir():
            places[text] = ["--tmpfs", text]
        else:
            places[text] = ["--ro-bind", "/dev/null", text]
    made: set[str] = {"/"}
    for text in sorted(places, key=lambda text: text.count("/")):
        for folder in reversed(Path(text).parents):  # bubblewrap itself would make them for root alone
            if str(folder) not in made and not _inside(folder, bound):
                yield from ("--perms", "0755", "--dir", str(folder))
            made.add(str(folder))
        yield from places[text]
    for text, words in places.items():
        if words[0] == "--tmpfs":  # only now: what is shown inside of it needed a place
            yield from ("--remount-ro", text)


def _inside(place: Path, folders: Iterable[str]) -> bool:
    return any(place.is_relative_to(folder) for folder in folders)


def _limits(config: ScriptsConfig, root: bool) -> list[str]:
    # Address space is no memory: runtimes reserve much of it. This bounds only what one process may take in one step.
    space = max(2 * config.memory_bytes, config.memory_bytes + (4 << 30))
    size = config.output_bytes + _MORE_BYTES
    line = ["prlimit", f"--as={space}", f"--fsize={size}", "--core=0", f"--nofile={_OPEN_FILES}"]
    if root or _kernel() >= _COUNTED_BY_NAMESPACE:
        line.append(f"--nproc={config.processes + _MORE_PROCESSES}")
    return [*line, "--"]


def _search_path() -> str:
    return os.environ.get("PATH", "") + os.pathsep + PATH


def _bwrap() -> str:
    return shutil.which("bwrap", path=_search_path()) or "bwrap"


def _version() -> tuple[int, ...]:
    done = subprocess.run([_bwrap(), "--version"], capture_output=True, text=True, check=False)
    return _numbers(done.stdout)


def _kernel() -> tuple[int, ...]:
    return _numbers(platform.release())


def _numbers(text: str) -> tuple[int, ...]:
    found = re.search(r"\d+(\.\d+)+", text)
    return tuple(int(part) for part in found[0].split(".")) if found else (0,)
