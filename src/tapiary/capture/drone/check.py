"""`tapiary drone --check`: whether a drone could work here, and how to mend what is in the way."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from tapiary.capture.drone.agent import free_bytes
from tapiary.capture.drone.backends import Tcpdump, backend_of
from tapiary.capture.drone.config import Settings
from tapiary.capture.drone.link import session
from tapiary.capture.drone.pace import compressor
from tapiary.errors import TapiaryError, Unavailable

ANSWER_S = 10.0


class Finding(NamedTuple):
    """One look: whether it will do (None: it will, but could be better), what was found, how to mend it."""

    name: str
    ok: bool | None
    found: str
    fix: str = ""


def check(settings: Settings) -> Iterator[Finding]:
    """Every look, in the order in which a person would take them."""
    yield from _recorder(settings)
    yield _folder(settings)
    yield _compression(settings)
    yield from _hive(settings)


def _recorder(settings: Settings) -> Iterator[Finding]:
    backend = backend_of(settings)
    if not isinstance(backend, Tcpdump):
        for command in (settings.ndp.filter, settings.ndp.receive):
            program = _which(command[0])
            yield Finding(command[0], bool(program), program or "not there",
                          "install the card's software, or set [ndp]")
        return
    version = backend.version()
    if version == (0, 0):
        yield Finding("tcpdump", False, f"{settings.tcpdump_path} cannot be run", "Debian, Ubuntu: apt install tcpdump")
        return
    flushes = version >= (4, 99)
    yield Finding("tcpdump", True if flushes else None, ".".join(map(str, version)),
                  "" if flushes else "4.99 or later shows live what was captured without delay")
    for name in settings.interfaces:
        if name != "any" and not Path("/sys/class/net", name).exists():
            here = ", ".join(sorted(os.listdir("/sys/class/net")))
            yield Finding(f"interface {name}", False, "there is none of that name", f"this machine has {here}")
            continue
        words = backend.check_filter("", [name])
        yield Finding(f"interface {name}", not words, words or "may be captured", _permission_fix(settings, words))


def _permission_fix(settings: Settings, words: str) -> str:
    if "permi" not in words.lower():
        return ""
    program = _which(settings.tcpdump_path) or settings.tcpdump_path
    return (f"sudo setcap cap_net_raw,cap_net_admin=eip {program}, or run as root, or by the unit of "
            "`tapiary drone --systemd-unit`")


def _which(name: str) -> str:
    import shutil

    return shutil.which(name) or shutil.which(f"/usr/sbin/{name}") or ""


def _folder(settings: Settings) -> Finding:
    folder = settings.folder
    existing = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    if not existing.is_dir() or not os.access(existing, os.W_OK | os.X_OK):
        user = f"sudo install -d -o {os.environ.get('USER', '$USER')} -m 700 {folder}"
        return Finding("folder", False, f"{folder} cannot be written", f"{user}, or set output_folder")
    free = free_bytes(existing) or 0
    text = f"{folder}, {free / 1e9:.1f} GB free"
    if free < settings.min_free_bytes:
        return Finding("folder", False, text, f"free some: {settings.min_free_bytes / 1e9:.1f} GB are reserved "
                                              "(min_free_bytes)")
    return Finding("folder", True, text)


def _compression(settings: Settings) -> Finding:
    if compressor() is not None or settings.compression == "none":
        return Finding("zstd", True, "there" if compressor() else "not wanted")
    return Finding("zstd", None, "not there: uploads are not compressed", "pip install 'tapiary[drone]'")


def _hive(settings: Settings) -> Iterator[Finding]:
    url = settings.base_url
    try:
        http = session(settings)
    except Unavailable as error:
        yield Finding("libraries", False, error.message, f"{sys.executable} -m pip install 'tapiary[drone]'")
        return
    except TapiaryError as error:
        yield Finding("libraries", False, error.message)
        return
    try:
        answer = http.get(f"{url}/socket.io/?EIO=4&transport=polling", timeout=ANSWER_S)
    except (OSError, ValueError) as error:
        hint = "start the hive, look at hive.url and at firewalls"
        if "ertificate" in str(error):
            hint = "set tls.ca_cert to the certificate of the hive's authority (tls.insecure trusts any hive)"
        yield Finding("hive", False, f"{url} does not answer: {str(error)[:200]}", hint)
        return
    if answer.status_code != 200:
        yield Finding("hive", False, f"{url} answers {answer.status_code}", "it is no hive: look at hive.url")
        return
    yield Finding("hive", True, url)
    headers = {"Authorization": f"Bearer {settings.hive.token}"}
    answer = http.get(f"{url}/hive/v1/captures/1/parts", headers=headers, timeout=ANSWER_S)
    if answer.status_code in (401, 403):
        yield Finding("token", False, "the hive does not know it",
                      "make a new one: on the hive, the drone's page, or PUT /api/v1/drones/NAME")
    elif "json" in answer.headers.get("Content-Type", ""):
        yield Finding("token", True, "the hive knows it")
    else:
        yield Finding("token", None, "this hive speaks TCI's protocol only: the token shows at the first connection")
