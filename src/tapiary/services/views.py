"""What the services hand out and take in: small frozen values that every face renders its own way.

Times are seconds since 1970 UTC as floats, sizes are bytes, addresses are text.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

#: The states of a file or job, in the order of a job's life; `new` is a file that no job has touched.
STATES = ("new", "queued", "in_progress", "finished", "failed", "cancelled")
State = Literal["new", "queued", "in_progress", "finished", "failed", "cancelled"]


@dataclass(frozen=True, slots=True)
class JobView:
    """One processing job as its users see it."""

    id: int
    file_id: int | None
    state: State
    created_at: float
    started_at: float | None
    finished_at: float | None
    attempts: int
    error: str | None
    progress: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class FileView:
    """One capture file with its latest job and the run whose rows are visible."""

    id: int
    name: str
    extension: str
    path: str
    outside: bool
    gone: bool
    size: int
    time_start: float
    time_end: float
    job: JobView | None
    run_id: int | None
    run_job_id: int | None
    summary: Mapping[str, Any] | None

    @property
    def state(self) -> State:
        """The file's state: `new`, or the state of its latest job."""
        return self.job.state if self.job else "new"

    @property
    def flows(self) -> int | None:
        """How many flows the visible run has, None when there is none."""
        return int(self.summary["flows"]) if self.summary else None


@dataclass(frozen=True, slots=True)
class Count:
    """A value and in how many flows it occurs."""

    label: str
    count: int


@dataclass(frozen=True, slots=True)
class Statistic:
    """One table of counts: `title` says of what."""

    title: str
    content: tuple[Count, ...]


@dataclass(frozen=True, slots=True)
class AddressDetails:
    """What is known of an address or network: most frequent values among its flows, None where unknown."""

    country: str | None
    city: str | None
    user_agent: str | None
    domain_name: str | None
    statistics: tuple[Statistic, ...]


@dataclass(frozen=True, slots=True)
class FlowFilter:
    """Which flows of a job are meant; all that is given must match.

    `label` matches the full label, the application or the group, without regard to case. `ip` is an address
    or CIDR network at either end. `flow_ids` are flow numbers. `where` has (column, value text) pairs of
    schema columns or of `search.VIRTUAL`; several pairs of one column are alternatives unless they are
    ranges. A value may start with `>`, `>=`, `<`, `<=` or `!` and may hold `*` wildcards for text.
    """

    label: str | None = None
    ip: str | None = None
    flow_ids: tuple[int, ...] = ()
    where: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class FlowPage:
    """A page of flows as plain values (addresses and MACs as text, times in seconds) and how many there are in all."""

    flows: list[dict[str, Any]]
    total: int
    offset: int


@dataclass(frozen=True, slots=True)
class LabelGroup:
    """A group and its labels, sorted."""

    name: str
    labels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ScanReport:
    """What a scan of the repository found, by file name."""

    seen: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()
    returned: tuple[str, ...] = ()
    busy: tuple[str, ...] = ()
    refused: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Processed:
    """The outcome of processing one file in this process: its job, its run and the run's summary.

    The summary has packets, bytes, flows, labels, anomalies, link_types, non_ip, not_flows, time_start,
    time_end (seconds or None), seconds, format, compression, countries.
    """

    job_id: int
    run_id: int
    file: str
    summary: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class UploadView:
    """A file on its way into the repository: how much of it is safe on the disk, and its name once it is complete."""

    id: str
    name: str
    size: int | None
    offset: int
    complete: bool
