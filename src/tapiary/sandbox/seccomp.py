"""A filter of system calls (seccomp(2)): closes what namespaces leave open, and what hides memory from being counted.

Denied are calls that nobody needs over a capture: tracing, mounting, namespaces, keys, kernel programs, io_uring, and
shared memory that no process maps. Of sockets the local, IP and netlink families remain, since others, as vsock to a
virtual machine's host, know no network namespaces.
"""

from __future__ import annotations

import errno
import platform
import struct

# linux/audit.h, linux/seccomp.h, linux/bpf_common.h
_ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
_ALLOW, _KILL, _ERRNO = 0x7FFF0000, 0x80000000, 0x00050000
_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_NUMBER, _ARCHITECTURE, _FIRST_ARGUMENT = 0, 4, 16
#: Calls of the x32 interface, which reach the same functions under other numbers.
_X32 = 0x40000000
#: CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET (linux/sched.h).
_NEW_NAMESPACES = 0x7E020000
_FAMILIES = (1, 2, 10, 16)  # AF_UNIX, AF_INET, AF_INET6, AF_NETLINK

#: Numbers of calls by name: on x86-64, and on ARM (asm-generic/unistd.h).
_CALLS = {
    "ptrace": (101, 117), "process_vm_readv": (310, 270), "process_vm_writev": (311, 271), "mount": (165, 40),
    "umount2": (166, 39), "pivot_root": (155, 41), "chroot": (161, 51), "unshare": (272, 97), "setns": (308, 268),
    "add_key": (248, 217), "request_key": (249, 218), "keyctl": (250, 219), "bpf": (321, 280),
    "perf_event_open": (298, 241), "userfaultfd": (323, 282), "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426), "io_uring_register": (427, 427), "init_module": (175, 105),
    "delete_module": (176, 106), "finit_module": (313, 273), "kexec_load": (246, 104), "kexec_file_load": (320, 294),
    "swapon": (167, 224), "swapoff": (168, 225), "reboot": (169, 142), "acct": (163, 89), "quotactl": (179, 60),
    "name_to_handle_at": (303, 264), "open_by_handle_at": (304, 265), "shmget": (29, 194), "msgget": (68, 186),
    "open_tree": (428, 428), "move_mount": (429, 429), "fsopen": (430, 430), "fsconfig": (431, 431),
    "fsmount": (432, 432), "fspick": (433, 433), "mount_setattr": (442, 442),
}
#: Calls that are said not to exist, so that libraries take the older way, which can be looked into.
_MISSING = {"clone3": (435, 435), "memfd_create": (319, 279), "memfd_secret": (447, 447)}
_CLONE, _SOCKET = (56, 220), (41, 198)


def program(machine: str | None = None) -> bytes | None:
    """The filter as the kernel takes it, None for a machine whose calls are not known here."""
    machine = machine or platform.machine()
    if machine not in _ARCHITECTURES:
        return None
    column = list(_ARCHITECTURES).index(machine)
    lines = [
        _line(_LOAD, _ARCHITECTURE), _line(_EQUAL, _ARCHITECTURES[machine], 1, 0), _line(_RETURN, _KILL),
        _line(_LOAD, _NUMBER),
    ]
    if machine == "x86_64":
        lines += [_line(_AT_LEAST, _X32, 0, 1), _refuse(errno.ENOSYS)]
    for names, answer in ((_CALLS, errno.EPERM), (_MISSING, errno.ENOSYS)):
        for numbers in names.values():
            lines += [_line(_EQUAL, numbers[column], 0, 1), _refuse(answer)]
    clone = [_line(_LOAD, _FIRST_ARGUMENT), _line(_ANY_BIT, _NEW_NAMESPACES, 0, 1), _refuse(errno.EPERM), _allow()]
    lines += [_line(_EQUAL, _CLONE[column], 0, len(clone)), *clone]
    socket = [_line(_LOAD, _FIRST_ARGUMENT)]
    for family in _FAMILIES:
        socket += [_line(_EQUAL, family, 0, 1), _allow()]
    socket.append(_refuse(errno.EAFNOSUPPORT))
    lines += [_line(_EQUAL, _SOCKET[column], 0, len(socket)), *socket, _allow()]
    return b"".join(lines)


def _line(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("=HBBI", code, if_true, if_false, value)


def _refuse(number: int) -> bytes:
    return _line(_RETURN, _ERRNO | number)


def _allow() -> bytes:
    return _line(_RETURN, _ALLOW)
