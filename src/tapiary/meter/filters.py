"""Capture filters (pcap-filter(7)) checked by libpcap itself before anybody captures with them."""

from __future__ import annotations

import ctypes.util
import importlib.util
import os
import subprocess
import sys
from functools import cache
from pathlib import Path

from tapiary.errors import Unavailable

from .filter_process import ACCEPTED, NO_LIBRARY, REFUSED

#: Far more than anybody types; libpcap's own limit is its parser's stack.
MAX_BYTES = 65_536
#: libpcap looks up the names of hosts, and its optimiser takes minutes over a thousand addresses.
TIMEOUT_S = 3.0
#: Where the numbers in capture files differ from libpcap's own (pcap-linktype(7)): ATM, raw IP, and their like.
_LIBPCAP_LINK_TYPES = {100: 11, 101: 12, 102: 15, 103: 16, 106: 19}


def check_filter(text: str, link_type: int = 1, snaplen: int = 262_144) -> str | None:
    """Compiles a capture filter and returns libpcap's words when it refuses, else None; an empty one is fine.

    `link_type` is the number in capture files (1: Ethernet). libpcap runs as a process of its own for at most three
    seconds (about 50 ms as a rule), so that a filter can neither hold up nor bring down the caller: it looks up names
    of hosts with this machine's resolver, hangs over very long filters, and is C. What takes longer is refused.
    Raises Unavailable (code "libpcap_missing") where there is no libpcap: neither nfstream's nor the system's.
    """
    if not text.strip():
        return None
    words = text.encode("utf-8", "replace")
    if b"\0" in words:
        return "the filter holds a NUL character"
    if len(words) > MAX_BYTES:
        return f"the filter is longer than {MAX_BYTES:,} bytes"
    libraries = _libraries()
    program = Path(__file__).with_name("filter_process.py")
    number = _LIBPCAP_LINK_TYPES.get(link_type, link_type)
    command = [sys.executable, "-I", "-S", str(program), str(number), str(snaplen), *libraries]
    try:
        done = subprocess.run(command, input=words, capture_output=True, timeout=TIMEOUT_S, check=False)
    except subprocess.TimeoutExpired:
        return (f"libpcap was not done with the filter after {TIMEOUT_S:g} seconds: it is too complex, or the name of "
                "a host in it cannot be looked up (write its address)")
    except OSError as error:
        raise _missing(f"no process could be started for it: {error.strerror}") from error
    if done.returncode == ACCEPTED:
        return None
    if done.returncode == NO_LIBRARY:
        raise _missing("none is installed")
    if done.returncode == REFUSED and not done.stderr:
        return done.stdout.decode("utf-8", "replace") or f"libpcap has no filters for link type {link_type}"
    return "libpcap could not cope with the filter: it is too complex"


@cache
def _libraries() -> tuple[str, ...]:
    """Where libpcap may be: in nfstream's engine, which exports it, or as the system's own library."""
    engine = importlib.util.find_spec("_lib_engine")
    system = ctypes.util.find_library("pcap") if os.name == "posix" else None
    found = tuple(name for name in (engine and engine.origin, system) if name)
    if not found:
        raise _missing("none is installed")
    return found


def _missing(why: str) -> Unavailable:
    message = f"filters are checked by libpcap, and {why}: pip install nfstream==6.6.0, or apt install libpcap0.8"
    return Unavailable(message, code="libpcap_missing")
