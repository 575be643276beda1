"""The wire models of queries."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from tapiary.api.tci.shapes import INT64, Model, Parameters

Moment = Annotated[
    str | int,
    Field(
        description="As `@2026-01-01T00:00:00+00:00`; milliseconds since 1970 UTC; or another of NQL's time texts"
    ),
]


class Run(Model):
    """A query."""

    nql: str = Field(examples=['src stream="netflow" | aggr total=sum(bytes) by clientIp | sort total desc | limit 10'])
    start_time: Moment | None = Field(None, alias="startTime", description="The first moment; without: all there is")
    end_time: Moment | None = Field(None, alias="endTime", description="The moment before which it ends")
    fs_active: bool = Field(False, alias="fsActive", description="Ignored")
    wait_time: Annotated[int, Field(ge=0, le=86_400_000)] | None = Field(
        None, alias="waitTime", description="Milliseconds to wait for the result; one that takes longer is broken off"
    )
    limit: Annotated[int, Field(ge=0, le=INT64)] | None = Field(None, description="Ignored: pages say their own")
    parameters: dict[str, str | int | float | bool] = Field({}, description="What stands for `${NAME}` in the query")


class ResultColumn(Model):
    """A column of a result."""

    name: str
    type: str


class Total(Model):
    """How large a result is."""

    total: int = Field(description="Rows; final when the status is FINISHED")
    columns: list[ResultColumn]


class QueryStatus(Model):
    """Where the query stands."""

    state: Literal["RUNNING", "FINISHED"]


class Started(Model):
    """A result."""

    job_id: str = Field(alias="jobId")
    data: Total
    status: QueryStatus


class QueryPath(Parameters):
    """The result in the path."""

    job_id: Annotated[str, Field(max_length=64, description="`jobId` of pipeline/run")]


class PageBody(Model):
    """Which rows."""

    limit: Annotated[int, Field(ge=0, le=INT64)] | None = Field(None, description="Rows at most; without: all")
    offset: Annotated[int, Field(ge=0, le=INT64)] = 0


class Page(Model):
    """Rows of a result, members in the order of its columns."""

    data: list[dict[str, Any]]
    total: int
    status: QueryStatus
