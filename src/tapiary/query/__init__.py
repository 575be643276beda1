"""NQL: text in, one typed SQL expression out. Pure: it knows neither tables nor servers."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any

from tapiary.query.catalog import Catalog, Lookup, Range, Stream
from tapiary.query.errors import Fault, NqlError
from tapiary.query.types import BOOLEAN, DOUBLE, IFC, IP, LONG, MAC, MAP, STRING, SUBNET, Type, Value, list_of

if TYPE_CHECKING:
    from tapiary.query.compiling import Plan
    from tapiary.query.engine import ENGINE_FUNCTIONS
    from tapiary.query.rendering import readable_batch
    from tapiary.query.times import moment_ms
    from tapiary.query.tree import Query

__all__ = [
    "BOOLEAN", "DOUBLE", "ENGINE_FUNCTIONS", "IFC", "IP", "LONG", "MAC", "MAP", "STRING", "SUBNET", "Catalog", "Lookup",
    "NqlError", "Plan", "Range", "Stream", "Type", "Value", "compile", "list_of", "moment_ms", "parse",
    "readable_batch", "sql_text",
]

_HOMES = {"ENGINE_FUNCTIONS": "engine", "Plan": "compiling", "moment_ms": "times", "readable_batch": "rendering"}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def parse(text: str) -> Query:
    """The tree of a query that has no macros and no placeholders outside of texts. Raises NqlError."""
    from tapiary.query.macros import replace
    from tapiary.query.parsing import parse_query

    found = replace(text, lambda _: None, {})
    try:
        return parse_query(found.text)
    except Fault as fault:
        raise found.error(fault) from None


def compile(
    text: str,
    catalog: Catalog,
    *,
    now_ms: int,
    range: Range = Range(),  # noqa: B008 - frozen
    parameters: Mapping[str, str] | None = None,
    default_stream: str | None = None,
) -> Plan:
    """A query as one SELECT over what `catalog` knows.

    `range` chooses the rows of streams whose `src` has no time of its own. `parameters` are the values of
    placeholders; those that dashboards fill themselves have values from the range where none are given.
    `default_stream` is the stream of queries that name none. Raises NqlError, with line and column, for everything
    that is wrong with the text or names what the catalogue does not know.
    """
    from tapiary.query.compiling import plan
    from tapiary.query.macros import dashboard_values, replace
    from tapiary.query.parsing import parse_query

    values = {**dashboard_values(range, now_ms), **(parameters or {})}
    found = replace(text, catalog.macro, values)
    try:
        query = parse_query(found.text)
        return plan(query, found.text, catalog, now_ms=now_ms, period=range, default_stream=default_stream)
    except Fault as fault:
        raise found.error(fault) from None


def sql_text(plan: Plan, *, pretty: bool = False) -> str:
    """The statement of a plan in DuckDB's dialect."""
    return plan.statement.sql(dialect="duckdb", pretty=pretty)
