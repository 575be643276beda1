"""Queries in NQL."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, Union, overload

from pytci import _tables
from pytci._calls._base import given
from pytci._download import download
from pytci._effects import Plan, run
from pytci._session import PREFIX

Moment = Union[int, str, datetime, None]
_ACCEPT = {"parquet": "application/vnd.apache.parquet", "ndjson": "application/x-ndjson"}


@overload
def query(
    nql: str,
    as_: Literal["rows"],
    *,
    start: Moment = None,
    end: Moment = None,
    stream: str | None = None,
    parameters: Mapping[str, str] | None = None,
) -> Plan[list[dict[str, Any]]]: ...
@overload
def query(
    nql: str,
    as_: Literal["arrow", "pandas", "polars"] = "arrow",
    *,
    start: Moment = None,
    end: Moment = None,
    stream: str | None = None,
    parameters: Mapping[str, str] | None = None,
) -> Plan[Any]: ...
@overload
def query(
    nql: str,
    as_: str,
    *,
    start: Moment = None,
    end: Moment = None,
    stream: str | None = None,
    parameters: Mapping[str, str] | None = None,
) -> Plan[Any]: ...
def query(
    nql: str,
    as_: str = "arrow",
    *,
    start: Moment = None,
    end: Moment = None,
    stream: str | None = None,
    parameters: Mapping[str, str] | None = None,
) -> Plan[Any]:
    """Ask in NQL over all flows, custom indexes, alerts and devices: as_ is arrow, pandas, polars or rows.

    start and end bound the time of the rows, the end excluded: a datetime, milliseconds since 1970 UTC, or a text
    as "-1h@now". stream is where a query begins that does not say so; parameters are texts for its `${NAME}`.

    Addresses come as text, times as milliseconds since 1970. What the hive runs is a Tapiary's; others do not know
    NQL. Raises BadRequest that says where in the query something is wrong.
    """
    body = given(nql=nql, start=_moment(start), end=_moment(end), stream=stream, parameters=parameters)
    return _query(body, _tables.reader(as_, None))


def _query(body: dict[str, Any], read: _tables.Reader) -> Plan[Any]:
    with tempfile.TemporaryDirectory(prefix="pytci-") as folder:
        path = yield from download(
            f"{PREFIX}/query",
            Path(folder, f"rows.{read.format}"),
            resume=False,
            patient=True,
            body=body,
            accept=_ACCEPT[read.format],
        )
        return (yield from run(lambda: read(path)))


def _moment(value: Moment) -> int | str | None:
    """A time as the hive takes it; a datetime without a zone is local time, as everywhere in Python."""
    return round(value.timestamp() * 1000) if isinstance(value, datetime) else value
