"""Rows on their way into an index: checked, turned into columns, and committed, all of them or none."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import chain
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Final

from tapiary.errors import InvalidInput, Unavailable
from tapiary.services.indexes.columns import cells, column, from_arrow, schema_of
from tapiary.services.indexes.definition import TIMESTAMP, Definition
from tapiary.services.indexes.errors import Faults
from tapiary.services.indexes.texts import from_texts
from tapiary.services.indexes.uploads import Piece
from tapiary.services.indexes.views import IndexView, Injected

if TYPE_CHECKING:
    import pyarrow as pa

#: Rows that are kept in memory, and share a commit with other callers'; more of them are written as they come.
SMALL_ROWS: Final = 50_000
#: Rows of one request that are not worth columns of their own.
FEW_ROWS: Final = 64
#: Unknown columns that are told by name, and characters of what there is.
TOLD_NAMES, TOLD_LENGTH = 5, 500


def by_rows(columns: Sequence[str], rows: Sequence[Sequence[Any]], definition: Definition) -> Piece:
    """Rows of one JSON document as a piece. Raises InvalidInput (columns, rows)."""
    if isinstance(columns, str) or not all(isinstance(name, str) for name in columns):
        raise InvalidInput("columns: must be a list of names of fields", field="columns")
    check_columns(columns, definition)
    if len(set(columns)) < len(columns):
        raise InvalidInput("columns: names a field twice", field="columns")
    if not isinstance(rows, (list, tuple)):
        raise InvalidInput("rows: must be a list of rows, each a list of values", field="rows")
    if not set(map(type, rows)) <= {list, tuple} or not set(map(len, rows)) <= {len(columns)}:
        faults = Faults(columns)
        for place, row in enumerate(rows):
            if not isinstance(row, (list, tuple)):
                faults.add(place, "", row, "is no list of values")
            elif len(row) != len(columns):
                faults.add(place, "", row, f"has {len(row)} values for {len(columns)} columns")
        faults.check()
    return Piece(len(rows), {name: list(map(itemgetter(place), rows)) for place, name in enumerate(columns)})


def check_columns(columns: Iterable[str], definition: Definition) -> None:
    """Raise InvalidInput (columns) unless they are names of fields, with `timestamp` among them."""
    known = {field.name for field in definition.fields}
    unknown = [name for name in columns if name not in known]
    if unknown:
        told = ", ".join(f"{name[:80]!r}" for name in unknown[:TOLD_NAMES])
        there = ", ".join(field.name for field in definition.fields)[:TOLD_LENGTH]
        raise InvalidInput(f"columns: the index has no field {told}; it has {there}", field="columns")
    if TIMESTAMP not in columns:
        raise InvalidInput(f"columns: {TIMESTAMP} is missing; every row needs its time, in milliseconds since 1970",
                           field="columns")


def commit(view: IndexView, definition: Definition, pieces: Iterable[Piece], request: str | None) -> Injected:
    """Commit the rows of all pieces. Raises InvalidInput (columns), BadCells, NotFound when the index has just gone."""
    import pyarrow as pa

    if isinstance(pieces, list) and len(pieces) == 1 and pieces[0].rows <= FEW_ROWS and definition.store_raw:
        return _commit_few(view, definition, pieces[0], request)
    conversion = _Conversion(view, definition, pieces)
    tables = iter(conversion)
    head, rows = [], 0
    for table in tables:
        head.append(table)
        rows += table.num_rows
        if rows > SMALL_ROWS:
            break
    if not rows:
        return Injected(0, None)
    with _told():
        if rows <= SMALL_ROWS:
            version = view.table.append(pa.concat_tables(head), request=request)
        else:
            batches = (batch for table in chain(head, tables) for batch in table.to_batches())
            version = view.table.append(batches, request=request)
    return Injected(conversion.rows, version)


def _commit_few(view: IndexView, definition: Definition, piece: Piece, request: str | None) -> Injected:
    """A few rows of a JSON document, cell by cell: Arrow's calls would take longer, and each lets other threads in."""
    if not piece.rows:
        return Injected(0, None)
    faults = Faults([field.name for field in definition.fields])
    stored = {field.name: cells(field, piece.columns[field.name], faults)
              for field in definition.fields if field.name in piece.columns}
    faults.check()
    with _told():
        return Injected(piece.rows, view.table.append_values(stored, piece.rows, request=request))


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise Unavailable(f"the rows cannot be written: {error.strerror or error}") from error


class _Conversion:
    """Pieces as tables of stored rows; after the last one, or instead of more, BadCells where there are any."""

    def __init__(self, view: IndexView, definition: Definition, pieces: Iterable[Piece]) -> None:
        self._view, self._definition, self._pieces = view, definition, pieces
        self.rows = 0

    def __iter__(self) -> Iterator[pa.Table]:
        from tapiary.services.indexes.totals import totals

        faults = Faults([field.name for field in self._definition.fields])
        for piece in self._pieces:
            if piece.rows:
                check_columns(piece.columns, self._definition)
                table = self._table(piece, faults)
                self.rows += piece.rows
                if not faults.count:  # else only the other bad cells are of interest
                    yield table if self._definition.store_raw else totals(table, self._view.fields)
        faults.check()

    def _table(self, piece: Piece, faults: Faults) -> pa.Table:
        import pyarrow as pa

        arrays = []
        schema = schema_of(self._definition.fields)
        for field in self._definition.fields:
            values = piece.columns.get(field.name)
            if values is None:
                arrays.append(pa.nulls(piece.rows, schema.field(field.name).type))
            elif not isinstance(values, pa.Array):
                arrays.append(column(field, values, faults, self.rows))
            elif piece.texts:
                arrays.append(column(field, from_texts(field, values.to_pylist()), faults, self.rows))
            else:
                arrays.append(from_arrow(field, values, faults, self.rows))
        return pa.table(arrays, schema=schema)
