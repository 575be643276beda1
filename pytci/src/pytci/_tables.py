"""Exported flows as the table that the caller wants; each library is loaded only where it is asked for."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable

from pytci.errors import PyTCIError


@dataclass(frozen=True)
class Reader:
    """How to read an export of a format."""

    format: str
    read: Callable[[Path, list[str] | None], Any]
    columns: list[str] | None

    def __call__(self, path: Path) -> Any:
        """The table."""
        return self.read(path, self.columns)


def reader(as_: str, columns: Sequence[str] | None) -> Reader:
    """The reader for a kind of table. Raises ValueError for an unknown one, PyTCIError when its library is missing.

    That is before anything was fetched.
    """
    wanted = None if columns is None else [columns] if isinstance(columns, str) else list(columns)
    try:
        if as_ == "rows":
            return Reader("ndjson", _rows, wanted)
        if as_ == "arrow":
            return Reader("parquet", _arrow(), wanted)
        if as_ == "pandas":
            return Reader("parquet", _pandas(), wanted)
        if as_ == "polars":
            return Reader("parquet", _polars(), wanted)
    except ImportError as error:
        raise PyTCIError(f"as_={as_!r} needs {error.name}: pip install {error.name}, or 'pytci[{as_}]'") from error
    raise ValueError(f"as_ must be 'arrow', 'pandas', 'polars' or 'rows', not {as_!r}")


def _rows(path: Path, columns: list[str] | None) -> list[dict[str, Any]]:
    with path.open("rb") as lines:
        rows = [json.loads(line) for line in lines if line.strip()]
    if columns is None:
        return rows
    return [{name: row.get(name) for name in columns} for row in rows]


def _arrow() -> Callable[[Path, list[str] | None], Any]:
    import pyarrow.parquet as parquet

    def read(path: Path, columns: list[str] | None) -> Any:
        table = parquet.ParquetFile(path).read()
        return table if columns is None else table.select(_there(columns, table.column_names))

    return read


def _pandas() -> Callable[[Path, list[str] | None], Any]:
    import pandas  # noqa: F401  (told before the fetching when it is missing)

    read_arrow = _arrow()
    return lambda path, columns: read_arrow(path, columns).to_pandas()


def _polars() -> Callable[[Path, list[str] | None], Any]:
    import polars

    def read(path: Path, columns: list[str] | None) -> Any:
        table = polars.read_parquet(path.read_bytes())
        return table if columns is None else table.select(_there(columns, table.columns))

    return read


def _there(wanted: list[str], names: list[str]) -> list[str]:
    """The wanted columns. Raises PyTCIError for one that the hive does not have."""
    for each in wanted:
        if each not in names:
            raise PyTCIError(f"columns: there is no {each!r} in the flow table; it has {', '.join(names)}")
    return wanted
