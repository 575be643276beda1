# Written by tools/make_methods.py: change the calls that it follows from, then run it.
"""Queries in NQL."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, overload

from pytci._calls import queries as _calls
from pytci._calls.queries import Moment
from pytci._runners import SyncRunner


class Queries(SyncRunner):
    """Queries in NQL."""

    @overload
    def query(
        self,
        nql: str,
        as_: Literal['rows'],
        *,
        start: Moment = None,
        end: Moment = None,
        stream: str | None = None,
        parameters: Mapping[str, str] | None = None,
    ) -> list[dict[str, Any]]: ...

    @overload
    def query(
        self,
        nql: str,
        as_: Literal['arrow', 'pandas', 'polars'] = 'arrow',
        *,
        start: Moment = None,
        end: Moment = None,
        stream: str | None = None,
        parameters: Mapping[str, str] | None = None,
    ) -> Any: ...

    @overload
    def query(
        self,
        nql: str,
        as_: str,
        *,
        start: Moment = None,
        end: Moment = None,
        stream: str | None = None,
        parameters: Mapping[str, str] | None = None,
    ) -> Any: ...

    def query(
        self,
        nql: str,
        as_: str = 'arrow',
        *,
        start: Moment = None,
        end: Moment = None,
        stream: str | None = None,
        parameters: Mapping[str, str] | None = None,
    ) -> Any:
        """Ask in NQL over all flows, custom indexes, alerts and devices: as_ is arrow, pandas, polars or rows.

        start and end bound the time of the rows, the end excluded: a datetime, milliseconds since 1970 UTC, or a text
        as "-1h@now". stream is where a query begins that does not say so; parameters are texts for its `${NAME}`.

        Addresses come as text, times as milliseconds since 1970. What the hive runs is a Tapiary's; others do not know
        NQL. Raises BadRequest that says where in the query something is wrong.
        """
        return self._run(_calls.query(nql, as_, start=start, end=end, stream=stream, parameters=parameters))
