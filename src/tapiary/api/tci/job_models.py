"""The wire models of capture jobs, which TCI calls jobs; every member is always there, null where it does not apply.

Members beyond TCI's are marked so. Sizes are bytes, durations seconds; times are `times.FORMAT`.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, RootModel, WithJsonSchema

from tapiary.api.tci.shapes import INT64, Model, Parameters, Stamp, Text

#: TCI's words (`tapiary.capture.states`), of jobs and of a drone's share of one.
Status = Literal[
    "Waiting", "In queue", "In progress", "Paused", "Captured", "Stopped", "Collecting data", "Uploading data",
    "To process", "Processing", "Done", "Done - Files moved", "Failed", "Dangling", "Archived", "Unknown",
]
#: The largest packet that is captured whole, as in tcpdump.
MAX_SNAPLEN = 262_144


def _names(value: Any) -> Any:
    return ["*"] if value == "*" else value


Lines = Annotated[
    list[Text],
    BeforeValidator(_names),
    WithJsonSchema({"anyOf": [{"type": "array", "items": {"type": "string"}, "minItems": 1}, {"const": "*"}]}),
]
Count = Annotated[int, Field(ge=0, le=INT64)]
AtLeastOne = Annotated[int, Field(ge=1, le=INT64)]


class JobPath(Parameters):
    """The job in the path."""

    job_id: Annotated[int, Field(ge=0, le=INT64, description="Number of a capture job")]


class LinkPath(Parameters):
    """A public link's token in the path."""

    token: str


class JobsQuery(Parameters):
    """Which jobs; ours."""

    status: Annotated[Status | None, Field(description="Only jobs of this status")] = None
    limit: Annotated[int | None, Field(ge=1, le=10_000, description="Only so many, the newest")] = None
    before: Annotated[int | None, Field(ge=0, le=INT64, description="Only jobs with smaller numbers")] = None


class RunQuery(Parameters):
    """How a script is started; ours."""

    wait: Annotated[
        float | None,
        Field(ge=0, le=86_400, description="Seconds to wait for the script's end; without: scripts.wait_s"),
    ] = None


class NewJob(Model):
    """A capture job as it is ordered. One of `drones` and its old name `lines` must be there."""

    name: Annotated[Text, Field(max_length=1000)]
    filter: Annotated[
        Text, Field(max_length=65_536, description="In the language of libpcap; empty: everything, on purpose")
    ]
    duration: Annotated[AtLeastOne, Field(description="Seconds")]
    max_capture_data: Annotated[AtLeastOne, Field(description="Bytes, of the sum over all drones")]
    drones: Annotated[Lines | None, Field(description='Names of drones; `"*"`: all that are connected')] = None
    lines: Annotated[Lines | None, Field(description="The old name of `drones`")] = None
    script_name: Annotated[
        Text | None, Field(description="Script to run over the capture; only SCRIPT_MASTER may do without")
    ] = None
    script_args: Annotated[Text | None, Field(max_length=50)] = None
    destination_id: Annotated[int | None, Field(ge=0, le=INT64)] = None
    priority: Annotated[
        int, Field(ge=-99, le=99, description="Smaller goes first: low 1, normal 0, high -1, critical -99")
    ] = 0
    ndp_trim_bytes: Count = 0
    ndp_capture_all: Annotated[bool, Field(description="All DMA channels; true needs JOB_MASTER")] = False
    snaplen: Annotated[
        int, Field(ge=0, le=MAX_SNAPLEN, description="Bytes of a packet that are kept; 0: all. Beyond TCI")
    ] = 0
    interfaces: Annotated[
        dict[Text, list[Text]],
        Field(default_factory=dict, description="Interfaces by drone; others use those of their settings. Beyond TCI"),
    ]
    ring_bytes: Annotated[Count, Field(description="Only the newest packets, so many bytes. Beyond TCI")] = 0
    ring_seconds: Annotated[Count, Field(description="Only the newest packets, of so many seconds. Beyond TCI")] = 0
    process: Annotated[bool, Field(description="Whether the capture becomes flows afterwards. Beyond TCI")] = True
    live: Annotated[bool, Field(description="Whether drones of ours label flows while they capture. Beyond TCI")] = True


class JobBrief(Model):
    """A job in the list."""

    id: int
    priority: int
    owner: str
    name: str
    status: Status
    start_time: Stamp | None
    end_time: Stamp | None


class JobList(RootModel[list[JobBrief]]):
    """Jobs by number."""


class JobDrone(Model):
    """One drone's share of a job."""

    name: str
    color: str
    description: str
    capture_backend: str
    captured_data: int
    captured_data_human: str
    status: Status
    status_msg: str
    packets: Annotated[int | None, Field(description="Packets captured, null while not known. Beyond TCI")]
    dropped: Annotated[int | None, Field(description="Packets that its kernel or card lost. Beyond TCI")]
    received: Annotated[int, Field(description="Bytes that have arrived. Beyond TCI")]
    total: Annotated[int | None, Field(description="Bytes that will arrive, null while not known. Beyond TCI")]


class JobOptions(Model):
    """What was ordered beyond TCI's members."""

    snaplen: int
    interfaces: dict[str, list[str]]
    ring_bytes: int
    ring_seconds: int
    process: bool
    live: bool


class JobProcessing(Model):
    """The way of the capture into flows; `job_id` is the one of /file/{job_id}."""

    job_id: int
    file_name: str
    state: Literal["queued", "in_progress", "finished", "failed", "cancelled"]
    flows: int | None
    error: str | None
    progress: dict[str, Any]


class Job(Model):
    """A capture job."""

    id: int
    owner: str
    name: str
    filter: str
    duration: int
    duration_human: str
    max_capture_data: int
    max_capture_data_human: str
    paused_duration: Annotated[int, Field(description="Seconds captured before the latest pause")]
    paused_max_capture_data: Annotated[int, Field(description="Bytes that were left at the latest pause")]
    status: Status
    status_msg: str
    start_time: Stamp | None
    end_time: Stamp | None
    script_args: str
    script_name: str | None
    captured_data: Annotated[int, Field(description="Bytes, the sum over the drones")]
    captured_data_human: str
    destination_id: int | None
    priority: int
    ndp_trim_bytes: int
    ndp_capture_all: bool
    drones: list[JobDrone]
    archived_at: Annotated[Stamp | None, Field(description="In UTC, unlike all other times")]
    lines: Annotated[list[str], Field(description="Names of the drones. Beyond TCI")]
    created_at: Annotated[Stamp, Field(description="Beyond TCI")]
    options: Annotated[JobOptions, Field(description="Beyond TCI")]
    processing: Annotated[JobProcessing | None, Field(description="Null before it begins. Beyond TCI")]
    moved_to: Annotated[str, Field(description="Where the files went, empty while they are here. Beyond TCI")]
    has_file: Annotated[bool, Field(description="Whether there is a file to download. Beyond TCI")]


class Jobs(RootModel[list[Job]]):
    """Whole jobs, by number."""


class JobLink(Model):
    """Where anyone who has it can download a job's file."""

    url: str


class LiveCount(Model):
    """Totals since the capture began."""

    flows: int
    packets: int
    bytes: int


class LiveFlow(Model):
    """A flow as it is known while the capture runs; times are Unix seconds."""

    drone: str
    client: str
    server: str
    client_port: int
    server_port: int
    protocol: int
    label: str
    packets: int
    bytes: int
    first: float
    last: float
    server_name: str = ""


class LiveDrone(LiveCount):
    """What one drone has metered."""

    name: str
    skipped_bytes: int
    at: Annotated[float, Field(description="Unix time of its latest news")]


class JobLive(LiveCount):
    """What drones of ours have metered of a running capture; the final processing replaces it."""

    labels: Annotated[dict[str, LiveCount], Field(description="Totals by label, most flows first")]
    changed: Annotated[list[LiveFlow], Field(description="Flows that changed lately, the newest first")]
    drones: Annotated[list[LiveDrone], Field(description="Each drone's totals")]
    skipped_bytes: Annotated[int, Field(description="Bytes that drones could not meter in time")]
    at: Annotated[float | None, Field(description="Unix time of the latest news, null without any and in the end")]
    final: Annotated[bool, Field(description="Whether the numbers are those of the finished processing")]
