"""What a call wants done, as values: the calls themselves do no I/O.

A call is a generator (a plan) that yields effects and is sent their outcomes. `PyTCI` performs them one after another
in the caller's thread, `AsyncPyTCI` in the caller's task. So every call is written once.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Callable, TypeVar, Union

import httpx

if TYPE_CHECKING:
    from pytci._session import Session

T = TypeVar("T")
Plan = Generator["Effect", Any, T]
#: Seconds to wait for each part of an answer: as the client was told, or as long as it takes.
AS_TOLD, FOR_EVER = "as told", "for ever"


@dataclass(frozen=True)
class Request:
    """Something to ask the hive, with whatever repetition and renewal of tokens that takes.

    path: below the hive's address, or a whole address; authorization: None sends the session's token.
    """

    method: str
    path: str
    params: tuple[tuple[str, str], ...] = ()
    json: Any = None
    headers: tuple[tuple[str, str], ...] = ()
    authorization: str | None = None
    #: Without a body read: it is had by `Read`, and ended by `Close`.
    stream: bool = False
    patience: str = AS_TOLD
    #: Whether an answer of 429 or 5xx may be waited out (if the method allows).
    wait_out: bool = True


@dataclass(frozen=True)
class Wire:
    """One exchange of a request; a transport error of httpx comes back as it is."""

    request: Request
    authorization: str


@dataclass(frozen=True)
class Read:
    """The next bytes of a streamed answer; empty at its end."""

    response: httpx.Response


@dataclass(frozen=True)
class Close:
    """The end of a streamed answer, read or not."""

    response: httpx.Response


@dataclass(frozen=True)
class Sleep:
    """Some seconds of nothing."""

    seconds: float


@dataclass(frozen=True)
class Run:
    """A function that may block, such as writing to a disk."""

    function: Callable[[], Any]


@dataclass(frozen=True)
class Acquire:
    """The session's lock, which whoever has it releases."""


@dataclass(frozen=True)
class Current:
    """The session."""


Effect = Union[Request, Wire, Read, Close, Sleep, Run, Acquire, Current]


def ask(request: Request) -> Plan[httpx.Response]:
    """Send a request; returns a good answer and raises an error of ours for any other."""
    response: httpx.Response = yield request
    return response


def sleep(seconds: float) -> Plan[None]:
    """Wait."""
    yield Sleep(seconds)


def run(function: Callable[[], T]) -> Plan[T]:
    """Run what may block."""
    result: T = yield Run(function)
    return result


def read(response: httpx.Response) -> Plan[bytes]:
    """The next bytes of a streamed answer; empty at its end."""
    data: bytes = yield Read(response)
    return data


def session() -> Plan[Session]:
    """The session that the plan runs in."""
    found: Session = yield Current()
    return found
