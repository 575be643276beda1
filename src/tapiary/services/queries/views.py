"""What is shown of queries and their answers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from tapiary.query import Type
from tapiary.services import formats

if TYPE_CHECKING:
    import pyarrow as pa

QueryState = Literal["waiting", "running", "done"]


@dataclass(frozen=True, slots=True)
class QueryView:
    """A query whose rows are paged; `total` and `columns` are final when the state is `done`."""

    id: str
    state: QueryState
    total: int = 0
    #: Names and types of the columns, in order.
    columns: tuple[tuple[str, Type], ...] = ()


@dataclass(frozen=True, slots=True)
class Answer:
    """The rows of a query while they are computed: read once, or closed.

    In the batches addresses, networks and MACs are text, moments are milliseconds; rows are in the query's order.
    """

    columns: tuple[tuple[str, Type], ...]
    schema: pa.Schema
    batches: Iterator[pa.RecordBatch]
    #: Lets go of the query; not needed after the last batch.
    close: Callable[[], None]

    def write(self, format: str) -> Iterator[bytes]:
        """The rows as a file of a format of `ANSWER_FORMATS`, in pieces."""
        return formats.WRITERS[format](self.batches, self.schema)
