"""Runs an order and watches over it until it has ended, by itself or because it passed a limit."""

from __future__ import annotations

import contextlib
import os
import selectors
import shutil
import subprocess
import time
from collections.abc import Callable

from tapiary.config import ScriptsConfig
from tapiary.errors import Unavailable

from . import bubblewrap, docker, seccomp
from .cgroup import Group, make_group
from .engines import Engine, find_engine
from .logs import Log
from .order import Order, Outcome, Reason, Status
from .processes import Usage, kill_tree, usage
from .space import TooMuch, used_bytes

#: Pause between two looks at a command, and between two measurings of what it has written (or longer, where measuring
#: takes long: it may take a fifth of the time).
LOOK_S, MEASURE_S, MEASURE_SHARE = 0.05, 0.25, 5
#: After a command has ended, its outputs are read this long at most.
DRAIN_S = 2.0
_READ = 1 << 16


def run(
    order: Order, config: ScriptsConfig, *, min_free_bytes: int = 0, cancelled: Callable[[], bool] = lambda: False,
    progress: Callable[[Status], None] = lambda status: None,
) -> Outcome:
    """Run a command in a sandbox until it ends; returns how, whatever the command did.

    Call it in a thread that lives as long as the command: the sandbox ends with it. `cancelled` is asked twenty times
    a second. `min_free_bytes`: what the command must leave free on the folder's disk. Raises Unavailable.
    """
    engine, _ = find_engine(config, needs_program=order.needs_program)
    with contextlib.ExitStack() as stack:
        logs = tuple(Log(order.logs / name) for name in ("stdout.log", "stderr.log"))
        for log in logs:
            stack.callback(log.close)
        group = make_group(order.name, config.memory_bytes, config.processes) if engine == "bubblewrap" else None
        if group is not None:
            stack.callback(group.remove)
        process = _start(order, config, engine, group, stack)
        watch = _Watch(order, config, engine, process, logs, group, min_free_bytes)
        stack.callback(watch.end)
        return watch.until_the_end(cancelled, progress)


def _start(
    order: Order, config: ScriptsConfig, engine: Engine, group: Group | None, stack: contextlib.ExitStack
) -> subprocess.Popen[bytes]:
    passed: tuple[int, ...] = ()
    if engine == "docker":
        docker.remove(order)  # of an attempt that was killed
        line, environment = docker.arguments(order, config), docker.environment()
    else:
        filter_ = _descriptor(seccomp.program(), stack)
        passed = () if filter_ is None else (filter_,)
        # Nothing of our own environment: the sandbox's first process is bubblewrap, whose environment can be looked at.
        line, environment = bubblewrap.arguments(order, config, filter_), {"PATH": bubblewrap.PATH}
    try:
        return subprocess.Popen(
            group.wrap(line) if group else line, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, env=environment, pass_fds=passed, start_new_session=True,
        )
    except OSError as error:
        raise Unavailable(f"the sandbox cannot be started: {error}") from error


def _descriptor(data: bytes | None, stack: contextlib.ExitStack) -> int | None:
    """A descriptor to read the data from, closed with the stack; the data are small enough for a pipe."""
    if data is None:
        return None
    reader, writer = os.pipe()
    stack.callback(os.close, reader)
    os.write(writer, data)
    os.close(writer)
    return reader


class _Watch:
    """Looks at a running command: its outputs, its processes, its folder, the clock, and the wish to cancel."""

    def __init__(
        self, order: Order, config: ScriptsConfig, engine: Engine, process: subprocess.Popen[bytes],
        logs: tuple[Log, ...], group: Group | None, min_free_bytes: int,
    ) -> None:
        self._order, self._config, self._engine, self._group = order, config, engine, group
        self._process, self._logs, self._min_free = process, logs, min_free_bytes
        self._began = time.monotonic()
        self._next_look = self._next_measure = self._began
        self._last_line = ""
        #: Bytes written, with those of files that have no name any more.
        self._output = self._most_memory = self._most_processes = 0
        self._usage = Usage(0, 0, 0)
        self._selector = selectors.DefaultSelector()
        for pipe, log in zip((process.stdout, process.stderr), logs, strict=True):
            assert pipe is not None
            os.set_blocking(pipe.fileno(), False)
            self._selector.register(pipe, selectors.EVENT_READ, log)

    def until_the_end(self, cancelled: Callable[[], bool], progress: Callable[[Status], None]) -> Outcome:
        """Watch until the command has ended, and end it when it must."""
        reason: Reason = ""
        while self._process.poll() is None and not reason:
            self._read(LOOK_S)
            now = time.monotonic()
            if now < self._next_look:  # it writes a lot: reading goes first
                continue
            self._next_look = now + LOOK_S
            reason = "cancelled" if cancelled() else self._passed()
            progress(self._status())
        seconds = time.monotonic() - self._began
        self.end()
        self._drain()
        reason = reason or self._told_by_kernel() or self._wrote_too_much()
        code = self._process.returncode
        stdout, stderr = self._logs
        return Outcome(
            128 - code if code < 0 else code, reason, seconds, stdout.path, stderr.path, stderr.last_line,
            self._engine, self._most_memory, self._most_processes,
        )

    def end(self) -> None:
        """End the command with all its processes, if it has not ended."""
        if self._process.poll() is None:
            if self._engine == "docker":
                with contextlib.suppress(subprocess.TimeoutExpired):
                    docker.remove(self._order)
            kill_tree(self._process.pid)
        self._process.wait()

    def _passed(self) -> Reason:
        """The limit that the command has passed."""
        now = time.monotonic()
        if now - self._began > self._config.time_limit_s:
            return "timeout"
        if self._engine == "bubblewrap":
            self._usage = usage(self._process.pid, self._config.memory_bytes)
            self._most_memory = max(self._most_memory, self._usage.memory_bytes)
            self._most_processes = max(self._most_processes, self._usage.processes)
            if self._usage.memory_bytes > self._config.memory_bytes:
                return "memory"
            if self._usage.processes > self._config.processes:
                return "processes"
        if now < self._next_measure:
            return ""
        reason = self._wrote_too_much()
        self._next_measure = now + max(MEASURE_S, (time.monotonic() - now) * MEASURE_SHARE)
        full = shutil.disk_usage(self._order.folder).free < self._min_free
        return "output" if full else reason

    def _wrote_too_much(self) -> Reason:
        try:
            self._output = used_bytes(self._order.folder) + self._usage.nameless_bytes
        except TooMuch:
            return "output"
        return "output" if self._output > self._config.output_bytes else ""

    def _told_by_kernel(self) -> Reason:
        passed = self._group.passed() if self._group else ""
        if passed:
            return "memory" if passed == "memory" else "processes"
        # Docker's own client tells an end by the kernel's memory killer only as that signal, which we did not send.
        return "memory" if self._engine == "docker" and self._process.returncode == 137 else ""

    def _status(self) -> Status:
        return Status(time.monotonic() - self._began, self._output, self._usage.memory_bytes, self._usage.processes,
                      self._last_line)

    def _read(self, timeout_s: float) -> bool:
        """Take up what the command has written; False when there was nothing."""
        if not self._selector.get_map():
            time.sleep(timeout_s)
            return False
        events = self._selector.select(timeout_s)
        for key, _ in events:
            try:
                data = os.read(key.fd, _READ)
            except BlockingIOError:
                continue
            if data:
                key.data.write(data)
                self._last_line = key.data.last_line
            else:
                self._selector.unregister(key.fileobj)
        return bool(events)

    def _drain(self) -> None:
        end = time.monotonic() + DRAIN_S
        while self._selector.get_map() and time.monotonic() < end and self._read(0.05):
            pass
        for pipe in (self._process.stdout, self._process.stderr):
            if pipe is not None:
                pipe.close()


