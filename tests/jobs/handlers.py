"""Handlers that the tests' worker processes import."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tapiary.config import Config
from tapiary.errors import InvalidInput, Unavailable
from tapiary.jobs import Context


def nap(context: Context, arguments: dict[str, Any]) -> None:
    """Sleep, looking for the wish to cancel."""
    end = time.monotonic() + arguments.get("seconds", 0.0)
    context.progress({"began": time.time()})
    while time.monotonic() < end:
        context.check()
        time.sleep(0.005)


def append(context: Context, arguments: dict[str, Any]) -> None:
    """Write a line at the start and at the end of the work, and hold a file that nobody else may hold meanwhile."""
    log = Path(arguments["log"])
    lock = log.with_name(f"{log.name}.{context.job_id}.lock")
    with log.open("a") as out:
        out.write(f"start {context.job_id} {context.attempt} {os.getpid()}\n")
    try:
        holder = int(lock.read_text())
        seen = Path(f"/proc/{holder}/stat").read_text()
        # A killed process keeps its number until its parent asks for its end, but works no more.
        if holder != os.getpid() and seen.rpartition(")")[2].split()[0] not in "ZX":
            with log.open("a") as out:
                out.write(f"twice {context.job_id} {seen}\n")
    except (FileNotFoundError, ProcessLookupError):
        pass
    lock.write_text(str(os.getpid()))
    time.sleep(arguments.get("seconds", 0.02))
    lock.unlink(missing_ok=True)
    with log.open("a") as out:
        out.write(f"end {context.job_id} {context.attempt} {os.getpid()}\n")


def die(context: Context, arguments: dict[str, Any]) -> None:
    """Kill the worker, in the first attempts."""
    if context.attempt <= arguments.get("times", 99):
        os.kill(os.getpid(), signal.SIGKILL)


def fail(context: Context, arguments: dict[str, Any]) -> None:
    """Raise as told."""
    match arguments["how"]:
        case "user":
            raise InvalidInput("the file is no capture", field="file")
        case "bug":
            raise ZeroDivisionError("oh")
        case "passing" if context.attempt == 1:
            raise Unavailable("the disk is busy")


def report(context: Context, arguments: dict[str, Any]) -> None:
    """Report progress a thousand times."""
    for n in range(1000):
        context.progress({"n": n})
        time.sleep(0.0005)


HANDLERS: dict[str, Callable[[Context, dict[str, Any]], object]] = {
    "nap": nap, "append": append, "die": die, "fail": fail, "report": report,
}


def make(config: Config) -> dict[str, Callable[[Context, dict[str, Any]], object]]:
    """What `Workers` calls."""
    return HANDLERS
