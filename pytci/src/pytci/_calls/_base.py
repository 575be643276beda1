"""What all descriptions of calls share."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Callable, TypeVar, Union
from urllib.parse import quote

from pytci._answers import content_of
from pytci._effects import AS_TOLD, Plan, Request, ask
from pytci._session import PREFIX
from pytci.errors import UnexpectedAnswer
from pytci.models import Drone, Job, JobBrief

T = TypeVar("T")
JobRef = Union[int, Job, JobBrief]
DroneRef = Union[str, Drone]


def call(
    method: str,
    path: str,
    read: Callable[[Any], T],
    body: Any = None,
    *,
    params: Iterable[tuple[str, str]] = (),
    authorization: str | None = None,
    patience: str = AS_TOLD,
    wait_out: bool = True,
) -> Plan[T]:
    """Ask the hive for something below /api/v1, and read the JSON of the answer."""
    request = Request(
        method, PREFIX + path, tuple(params), body, authorization=authorization, patience=patience, wait_out=wait_out
    )
    response = yield from ask(request)
    return read(content_of(response))


def nothing(_: Any) -> None:
    """The answer tells nothing more than that it is done."""


def given(**members: Any) -> dict[str, Any]:
    """The members that have a value."""
    return {name: value for name, value in members.items() if value is not None}


def text(*path: str) -> Callable[[Any], str]:
    """Reads one member that is text."""

    def read(data: Any) -> str:
        for name in path:
            data = data.get(name) if isinstance(data, dict) else None
        if not isinstance(data, str):
            raise UnexpectedAnswer(f"the hive sent no {'.'.join(path)}")
        return data

    return read


def segment(name: str | int) -> str:
    """A name as one part of a path. Raises ValueError for what would lead to another path."""
    word = str(name)
    if word in ("", ".", ".."):
        raise ValueError(f"{word!r} cannot be a name here")
    return quote(word, safe="@")


def number(job: JobRef) -> int:
    """The number of a job."""
    return job if isinstance(job, int) else job.id


def drone_name(drone: DroneRef) -> str:
    """The name of a drone."""
    return drone if isinstance(drone, str) else drone.name
