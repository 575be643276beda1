"""The wire models of the Tractor dialect, as the API document has them and in its style beyond.

Members that do not apply are left out, never null. Sizes are kB (1000 bytes, rounded up), times are Unix seconds.
"""

from __future__ import annotations

from functools import cache
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, RootModel

#: Identifiers are 64-bit in the database; what is beyond cannot exist.
_INT64 = 2**63 - 1
_LEAST_INT64 = -(2**63)
JobId = Annotated[int, Field(ge=_LEAST_INT64, le=_INT64, description="Number of a job")]
FlowId = Annotated[int, Field(ge=_LEAST_INT64, le=_INT64)]
#: The documented states and two of ours. A job that waits for a worker is `in_progress` here.
State = Literal["new", "in_progress", "finished", "failed", "cancelled"]


class Model(BaseModel):
    """What all models share."""

    model_config = ConfigDict(frozen=True)

    @classmethod
    @cache
    def model_json_schema(cls, *args: Any, **kwargs: Any) -> dict[str, Any]:  # type: ignore[override]
        """The schema, made once: flask-openapi3 asks for it at every request."""
        return super().model_json_schema(*args, **kwargs)


class Error(Model):
    """An error; `status` and `code` both are the HTTP status."""

    status: int
    code: int
    message: str


class FileStatus(Model):
    """How far the processing of a file is."""

    state: State = Field(
        description="new (not processed in its present form), in_progress (also while it waits for a worker), "
        "finished, failed (see error) or cancelled"
    )
    started_at: int | None = Field(None, description="Start time of processing")
    finished_at: int | None = Field(None, description="End time of processing")
    job_id: int | None = Field(None, description="Unique job id")
    error: str | None = Field(None, description="Why the processing failed")


class File(Model):
    """A file of the repository."""

    name: str = Field(description="File name, with folders and extension, as /files/process takes it")
    extension: str = Field(description="File extension, without a dot")
    time_start: int = Field(description="Time of the first packet; of the file's last change while that is not known")
    time_end: int = Field(description="Time of the last packet; of the file's last change while that is not known")
    status: FileStatus
    size: int = Field(description="File size in kB")
    flows_count: int | None = Field(None, description="Count of flows")


class Files(RootModel[list[File]]):
    """The files of the repository, by name."""


class FileName(Model):
    """A file by its name."""

    file_name: str = Field(description="File name with extension")


class ContentItem(Model):
    """A value and in how many flows it occurs."""

    label: str
    count: int


class StatisticItem(Model):
    """One table of counts, most frequent first."""

    title: str = Field(description="Title of statistic item")
    content: list[ContentItem]


class Statistics(RootModel[list[StatisticItem]]):
    """Protocols, labels, groups, clients, servers, server ports, countries, server names, user agents."""


class DetailsIp(Model):
    """What the flows tell of an address; country and city are `unknown` without GeoIP data."""

    country: str
    city: str
    user_agent: str | None = None
    domain_name: str | None = None
    statistics: list[StatisticItem]


class DetailsLabelItem(Model):
    """One flow."""

    client_ip: str
    client_port: int
    server_ip: str
    server_port: int
    time_start: int
    time_end: int
    comment: str = Field(description="The user's own note, or the server's name, or nDPI's risks")


class DetailsLabel(RootModel[list[DetailsLabelItem]]):
    """A page of flows, by time."""


class Label(Model):
    """A group and its labels."""

    group_name: str
    labels: list[str]


class Labels(RootModel[list[Label]]):
    """Every label that a flow may get."""


class Flows(RootModel[list[dict[str, Any]]]):
    """A page of flows: the columns of the flow table; times in seconds, addresses as text, unknown values left out."""


class Progress(Model):
    """How far a job is."""

    job_id: int
    state: Literal["new", "queued", "in_progress", "finished", "failed", "cancelled"]
    bytes: int | None = Field(None, description="Bytes of the capture read so far")
    total_bytes: int | None = Field(None, description="Bytes of the capture")
    percent: float | None = Field(None, description="Share of the bytes read so far")
    packets: int | None = None
    flows: int | None = Field(None, description="Flows ended so far")
    seconds: float | None = Field(None, description="Time spent so far")
    packets_per_s: int | None = None
    seconds_left: float | None = Field(None, description="Estimated from the speed so far")
    error: str | None = Field(None, description="Why the job failed")


class NewUpload(Model):
    """A file that shall be uploaded in pieces."""

    name: str = Field(description="File name with extension; may have folders")
    size: int = Field(ge=0, le=_INT64, description="Size in bytes")
    sha256: str | None = Field(None, description="SHA-256 of the whole, 64 hexadecimal digits; checked at the end")
    overwrite: bool = Field(False, description="Whether a file of that name is replaced")


class Upload(Model):
    """A file on its way."""

    upload_id: str
    name: str
    size: int | None = Field(None, description="Size in bytes")
    offset: int = Field(description="Bytes that are safe on the server's disk; go on here")
    complete: bool


class JobPath(Model):
    """The job in the path."""

    job_id: JobId


class UploadPath(Model):
    """The upload in the path."""

    upload_id: str


class LimitQuery(Model):
    """How much to show."""

    limit: int = Field(20, ge=1, le=10_000, description="Values of each statistic at most")


class LabelQuery(LimitQuery):
    """Flows by label."""

    label: str = Field(
        min_length=1, description="Full label (TLS.Google), application (Google) or group (Web), in any case"
    )


class IpQuery(LimitQuery):
    """Flows by address."""

    ip: str = Field(min_length=1, description="IPv4 or IPv6 address, or CIDR network")


class LabelPageQuery(Model):
    """A page of the flows of a label."""

    label: str = Field(
        min_length=1, description="Full label (TLS.Google), application (Google) or group (Web), in any case"
    )
    limit: int = Field(1000, ge=1, le=10_000, description="Flows at most")
    offset: int = Field(0, ge=0, le=_INT64, description="Flows to skip")


class FlowQuery(Model):
    """Which flows; every column may be given beside, see the description."""

    model_config = ConfigDict(extra="allow")

    label: str | None = Field(
        None, description="Full label (TLS.Google), application (Google) or group (Web), in any case"
    )
    ip: str | None = Field(None, description="Address or CIDR network at either end")
    flow: list[FlowId] | None = Field(None, description="Flow numbers (flow_id)")


class FlowPageQuery(FlowQuery):
    """A page of flows."""

    sort: str = Field("first_seen", description="Columns by commas, each with - for descending: -bytes,first_seen")
    limit: int = Field(100, ge=1, le=10_000, description="Flows at most")
    offset: int = Field(0, ge=0, le=_INT64, description="Flows to skip")
    columns: str | None = Field(None, description="Columns to give, by commas; `all` for all")


class ExportQuery(FlowQuery):
    """An export of flows."""

    format: Literal["parquet", "csv", "ndjson"] = Field("parquet", description="Format of the file")


class UploadQuery(Model):
    """What the body of an upload is."""

    name: str | None = Field(
        None, description="File name with extension; not needed with a form, whose file has a name"
    )
    sha256: str | None = Field(
        None, description="SHA-256 of the body, 64 hexadecimal digits; or send Repr-Digest (RFC 9530)"
    )
    overwrite: bool = Field(False, description="Whether a file of that name is replaced")


class FileQuery(Model):
    """A file by its name."""

    file_name: str = Field(description="File name with extension")
