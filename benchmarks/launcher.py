"""Runs one command and says what it took: ``python -I -S launcher.py LIMIT REPORT OUTPUT ERRORS COMMAND…``.

A process of its own and small on purpose: Linux counts the memory that a process had when it started a program as
the program's own peak, so that the figures of small tools would be the benchmark's.
"""

import os
import signal
import sys
import time


def main() -> None:
    limit, report, output, errors, *command = sys.argv[1:]
    begin = time.perf_counter()
    child = os.fork()
    if child == 0:
        os.setpgid(0, 0)
        os.dup2(os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644), 1)
        os.dup2(os.open(errors, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644), 2)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        try:
            os.execvp(command[0], command)
        except OSError as error:
            os.write(2, f"{command[0]}: {error}\n".encode())
            os._exit(127)
    # A command that hangs must not hold up the others.
    signal.signal(signal.SIGALRM, lambda *_: os.killpg(child, signal.SIGKILL))
    signal.alarm(int(limit))
    _, status, used = os.wait4(child, 0)
    signal.alarm(0)
    wall = time.perf_counter() - begin
    # Linux counts kilobytes here, macOS bytes.
    peak = used.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    with open(report, "w") as out:
        out.write(f"{wall} {used.ru_utime} {used.ru_stime} {peak} {os.waitstatus_to_exitcode(status)}\n")


main()
