"""What hive and drone say to each other: one struct an event, the same for TCI's drone 1.2.0 and for ours.

Every event's one argument is a JSON string that holds one of these. Members that only our dialect has are optional and
left out towards a drone that did not announce it in `drone_init`. Sizes are bytes, durations seconds.
"""

from __future__ import annotations

from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from tapiary.errors import InvalidInput

#: The dialect of ours that this version speaks; announced by the drone, confirmed by the hive.
DIALECT = 1
#: Raw bytes of a chunk of TCI's drone 1.2.0, which it sends in base64 inside of JSON.
CHUNK_BYTES = 700_000

Id = Annotated[int, Meta(ge=1, le=(1 << 63) - 1)]
Count = Annotated[int, Meta(ge=0, le=(1 << 63) - 1)]
Text = Annotated[str, Meta(max_length=65_536)]


class Dialect(Struct, omit_defaults=True):
    """Our own drone's announcement, beside the documented member of `drone_init`."""

    version: int
    release: str = ""
    interfaces: list[str] = []
    #: Whether it meters while it captures.
    live: bool = False
    #: Whether the hive may ask it to check a filter.
    checks_filters: bool = False


class Init(Struct):
    """`drone_init`: the first event after the connection. Ours gets the answer `{"dialect": 1}` as acknowledgement."""

    capture_backend: Annotated[str, Meta(max_length=16)] = "unknown"
    dialect: Dialect | None = None


class JobState(Struct, omit_defaults=True):
    """`job_update`, and `active_job` inside of `drone_update_status`: how far a drone is with a job."""

    id: Id
    status: str
    status_msg: Text = ""
    captured: Count = 0
    filter: Text = ""
    duration: Count = 0
    max_capture_data: Count = 0
    trim_bytes: Count | None = 0
    ndp_capture_all: bool | None = False
    #: Ours: packets captured, and packets that the kernel or the card lost.
    packets: Count | None = None
    dropped: Count | None = None


class StatusUpdate(Struct):
    """`drone_update_status`; `active_job` is an empty object when there is none."""

    status: str
    active_job: dict[str, Any] = {}

    def job(self) -> JobState | None:
        """The active job, None when there is none. Raises InvalidInput."""
        if not self.active_job:
            return None
        try:
            return msgspec.convert(self.active_job, JobState)
        except msgspec.ValidationError as error:
            raise InvalidInput(f"active_job: {error}", field="active_job") from None


class Upload(Struct):
    """`upload`: one chunk, from 1; acknowledged by (202, job_id), for the last one by (200, job_id)."""

    chunk_number: Id
    chunk_bytes: str
    job_id: Id
    total_number_of_chunks: Id


class LiveLabel(Struct, array_like=True):
    """Totals of one label since the capture began."""

    flows: Count
    packets: Count
    bytes: Count


class LiveFlow(Struct, omit_defaults=True):
    """One flow as it is known while the capture runs."""

    client: str
    server: str
    client_port: int
    server_port: int
    protocol: int
    label: str
    packets: Count
    bytes: Count
    #: Unix seconds of first and latest packet.
    first: float
    last: float
    server_name: str = ""


class Live(Struct):
    """`live` (ours): what the drone has metered so far of a running capture; totals, so that a lost one is no harm."""

    job_id: Id
    packets: Count
    bytes: Count
    flows: Count
    labels: dict[str, LiveLabel]
    #: The flows that changed since the message before, at most some hundreds.
    changed: list[LiveFlow] = []
    #: Bytes that were not metered because the machine could not keep up.
    skipped_bytes: Count = 0


class Options(Struct, omit_defaults=True, forbid_unknown_fields=True):
    """What our jobs have beyond TCI's."""

    #: Interfaces by drone name; a drone that is not named captures on those of its own settings.
    interfaces: dict[str, list[str]] = {}
    #: Bytes of a packet that are kept; 0: all (262,144).
    snaplen: Annotated[int, Meta(ge=0, le=262_144)] = 0
    #: Keep only the newest packets: at most so many bytes and seconds on each drone; 0: keep all.
    ring_bytes: Count = 0
    ring_seconds: Count = 0
    #: Whether the finished capture goes into the meter.
    process: bool = True
    #: Whether drones that can shall meter while they capture.
    live: bool = True


class DroneOptions(Struct, omit_defaults=True):
    """The part of `Options` that one drone needs."""

    interfaces: list[str] = []
    snaplen: int = 0
    ring_bytes: int = 0
    ring_seconds: int = 0
    live: bool = True


class StartJob(Struct):
    """`start_job`. TCI's drone refuses null in the members that it does not require: they are left out instead."""

    job_id: Id
    filter: Text
    duration: Id
    max_capture_data: Id
    ndp_trim_bytes: int | UnsetType = UNSET
    ndp_capture_all: bool | UnsetType = UNSET
    priority: int | UnsetType = UNSET
    options: DroneOptions | UnsetType = UNSET


class StopJob(Struct, omit_defaults=True):
    """`stop_job`."""

    job_id: Id
    paused: bool = False


class JobOrder(Struct):
    """`pause_job` and `delete_job`."""

    job_id: Id


class GetChunk(Struct):
    """`get_chunk`, to drones without a dialect of ours."""

    chunk_number: Id
    job_id: Id


class CheckFilter(Struct):
    """`check_filter` (ours); acknowledged by the JSON string of a `FilterVerdict`."""

    filter: Text
    interfaces: list[str] = []


class FilterVerdict(Struct):
    """Whether libpcap on the drone takes the filter; else its own words."""

    ok: bool
    message: str = ""


class PartInfo(Struct):
    """One file that a drone has of a capture, once it is closed. Numbers count from 1 within drone and capture."""

    number: Id
    interface: str
    size: Count
    sha256: Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]


class Completion(Struct):
    """Body of `POST /hive/v1/captures/ID/complete`: every part has been sent."""

    parts: list[PartInfo]
    packets: Count | None = None
    dropped: Count | None = None


Message = TypeVar("Message")


def encode(message: Any) -> str:
    """A message as the JSON string that travels."""
    return msgspec.json.encode(message).decode()


def decode(data: object, kind: type[Message], event: str) -> Message:
    """The message in an event's argument. Raises InvalidInput that names the event and the member at fault."""
    if not isinstance(data, (str, bytes)):
        raise InvalidInput(f"{event}: the argument must be one JSON string", field=event)
    try:
        return msgspec.json.decode(data, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidInput(f"{event}: {error}", field=event) from None
