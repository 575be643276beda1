"""Compiles one capture filter with libpcap, as a process of its own: see filters.py.

    python -I -S filter_process.py LINK_TYPE SNAPLEN LIBRARY… <FILTER

Ends with 0 when libpcap takes the filter, with 1 and libpcap's words on standard output when it refuses, with 3 when
none of the libraries is a libpcap. It imports nothing of the package: it starts in 50 ms.
"""

from __future__ import annotations

import contextlib
import ctypes
import sys

ACCEPTED, REFUSED, NO_LIBRARY = 0, 1, 3
#: Of address space: libpcap's optimiser takes what it gets.
_MEMORY_BYTES = 1 << 29
#: As `tcpdump` on an interface without an address; "not known" would refuse `ip broadcast`.
_NETMASK = 0


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_uint), ("instructions", ctypes.c_void_p))


def _libpcap(names: list[str]) -> ctypes.CDLL | None:
    for name in names:
        with contextlib.suppress(OSError, AttributeError):
            library = ctypes.CDLL(name)
            library.pcap_open_dead.argtypes = [ctypes.c_int, ctypes.c_int]
            library.pcap_open_dead.restype = ctypes.c_void_p
            library.pcap_compile.argtypes = [
                ctypes.c_void_p, ctypes.POINTER(_Program), ctypes.c_char_p, ctypes.c_int, ctypes.c_uint32,
            ]
            library.pcap_geterr.argtypes = [ctypes.c_void_p]
            library.pcap_geterr.restype = ctypes.c_char_p
            return library
    return None


def _limit() -> None:
    with contextlib.suppress(ImportError, OSError, ValueError):     # not on every system, and only a precaution
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, _MEMORY_BYTES))


def main(link_type: int, snaplen: int, names: list[str]) -> int:
    """Read the filter from standard input, compile it, and return the exit code."""
    library = _libpcap(names)
    if library is None:
        return NO_LIBRARY
    text = sys.stdin.buffer.read()
    _limit()
    handle = library.pcap_open_dead(link_type, snaplen)
    # Optimised, as by tcpdump: only so is a filter found that no packet can pass.
    if not handle or library.pcap_compile(handle, ctypes.byref(_Program()), text, 1, _NETMASK) == 0:
        return ACCEPTED if handle else REFUSED
    sys.stdout.buffer.write(library.pcap_geterr(handle) or b"")
    return REFUSED


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]))
