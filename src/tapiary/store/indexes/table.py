"""One custom index: rows in, in groups that share a commit; old rows out."""

from __future__ import annotations

import itertools
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tapiary.errors import Conflict, InternalError, InvalidInput, NotFound
from tapiary.store.indexes import files
from tapiary.store.indexes.arrow import concat, filled, together
from tapiary.store.indexes.fields import TIMESTAMP, IndexField, Rotation, layout
from tapiary.store.indexes.group import Group, Waiting
from tapiary.store.indexes.requests import MEMBER, Requests, digest
from tapiary.store.log import Log, alone
from tapiary.store.selection import IndexSelection
from tapiary.telemetry import counter

if TYPE_CHECKING:
    import pyarrow as pa

    from tapiary.store.indexes.fields import Layout
    from tapiary.store.part import Part

#: Rows that are worth files of their own, which their caller writes while others commit.
OWN_FILES_ROWS = 50_000
#: Rows of a file at most: sorting them takes memory.
FILE_ROWS = 1 << 20


class IndexTable:
    """The table of one index. Safe to share between threads; processes meet in the files only."""

    def __init__(
        self, folder: Path, fields: Sequence[IndexField], rotation: Rotation, token: Callable[[], str],
        committed: Callable[[IndexTable], None],
    ) -> None:
        self.key = folder.name
        self.fields = tuple(fields)
        self.rotation = rotation
        self.layout = layout(self.key, fields)
        self.log = Log(folder, self.layout)
        self.requests = Requests(folder, self.log.table)
        self.dropped = False
        self._group = Group(self._commit)
        #: Files that this process took out of the table, and when.
        self.removed: deque[tuple[float, str]] = deque()
        #: The version at the last look for what the log needs.
        self.checkpointed = sys.maxsize
        self._token = token
        self._committed = committed
        self._numbers = itertools.count()
        self._defining = threading.Lock()
        self._declared: set[str] | None = None

    @property
    def schema(self) -> pa.Schema:
        """The Arrow schema of rows; `append` takes those that lack columns, or have narrower types, too."""
        return self.layout.stored

    def define(self, fields: Sequence[IndexField], rotation: Rotation) -> None:
        """Add the fields that are new, and use this rotation from now on.

        Raises Conflict when a field that is there has another type.
        """
        with self._defining:
            self.rotation = rotation
            known = {f.name: f.type for f in self.fields}
            for each in fields:
                if known.get(each.name, each.type) != each.type:
                    raise Conflict(f"field {each.name!r} of index {self.key!r} has type {known[each.name]} already")
            new = tuple(f for f in fields if f.name not in known)
            if new:
                self.log.table = self.layout = layout(self.key, self.fields + new)
                self.fields += new

    def append(self, rows: pa.Table | Iterable[pa.RecordBatch], *, request: str | None = None) -> int:
        """Commit rows, all or none, and return the version that holds them: they are durable and readable then.

        Callers at the same time share a commit. With a request's key that was committed before, nothing is added, and
        that version returned. Columns that are missing become null. Raises InvalidInput when a row has no timestamp,
        NotFound when the index was dropped, InternalError for columns that it does not have, OSError on a full disk.
        """
        import pyarrow as pa

        key = digest(request) if request is not None else None
        if isinstance(rows, pa.Table) and rows.num_rows < OWN_FILES_ROWS:
            waiting = Waiting(self._complete(rows, self.schema), rows.num_rows, request=key)
        else:
            batches = rows.to_batches(max_chunksize=FILE_ROWS) if isinstance(rows, pa.Table) else rows
            waiting = Waiting(None, parts=self._write(batches), request=key)
        return self._group.submit(waiting)

    def append_values(
        self, columns: Mapping[str, Sequence[Any]], count: int, *, request: str | None = None
    ) -> int:
        """As `append`, a few rows as lists of `count` stored values by column, `timestamp` among them without None.

        Whoever commits makes them Arrow's, for all callers at once: a few rows of each would cost as much as thousands.
        """
        if not set(columns) <= set(self.schema.names):
            raise InternalError(f"rows for index {self.key!r} have columns that it does not have")
        return self._group.submit(Waiting(columns, count, request=digest(request) if request is not None else None))

    def select(
        self, start_ms: int | None = None, end_ms: int | None = None, columns: Sequence[str] | None = None,
    ) -> IndexSelection:
        """The rows from `start_ms` up to but without `end_ms` (None is open), for `Store.query`."""
        return IndexSelection(self.log, self.layout, start_ms, end_ms, columns)

    def arrived(self, since: int | None) -> tuple[int, list[tuple[int, int]] | None]:
        """The version now, and the times (earliest, latest) of what came after `since`, for each file of it.

        The times are None when `since` is so long ago that nobody knows any more.
        """
        from tapiary.store.indexes.arrivals import arrived

        return arrived(self.log, since)

    def retain(self, older_than_ms: int | None = None, max_bytes: int | None = None) -> int:
        """Drop rows from before a moment, and the oldest files while all are larger than that; returns how many rows.

        The files themselves go at the next `Store.vacuum`.
        """
        from tapiary.store.indexes.retention import retain

        return retain(self, older_than_ms, max_bytes)

    def size(self) -> dict[str, int]:
        """Files, rows and bytes now, the earliest and the latest timestamp, and the version."""
        now = self.log.snapshot()
        found = {"files": len(now.paths), "rows": int(now.rows.sum()), "bytes": int(now.sizes.sum()),
                 "version": now.version}
        if now.paths:
            found |= {"first_ms": int(now.low.min()), "last_ms": int(now.high.max())}
        return found

    def file_name(self) -> str:
        """The name of a new file, by which a sweep knows its living writer."""
        return f"{self._token()}-{next(self._numbers)}.parquet"

    def exchange(self, added: Sequence[Part], removed: Sequence[str], *, rearranged: bool = False) -> None:
        """Commit files for others, which stay on the disk for queries that began before."""
        self.log.commit(added, removed, rearranged=rearranged)
        now = time.monotonic()
        self.removed.extend((now, path) for path in removed)

    def delete_removed(self, kept_s: float) -> int:
        """Delete the files that this process took out so many seconds ago; returns how many."""
        limit, count = time.monotonic() - kept_s, 0
        while self.removed and self.removed[0][0] <= limit:
            path = self.log.folder / self.removed.popleft()[1]
            count += path.exists()
            path.unlink(missing_ok=True)
            with suppress(OSError):  # only an empty folder goes
                path.parent.rmdir()
        return count

    def _complete(self, rows: pa.Table, schema: pa.Schema) -> pa.Table:
        """The rows in the types that are stored; whoever puts them together with others fills what is missing."""
        names = rows.column_names
        if names != schema.names or rows.schema.types != schema.types:
            if len(set(names)) < len(names) or not set(names) <= set(schema.names):
                raise InternalError(f"rows for index {self.key!r} have columns that it does not have, or twice")
            rows = filled(rows, schema)
        if rows.column(TIMESTAMP).null_count:
            raise InvalidInput("every row needs a timestamp", field=TIMESTAMP)
        return rows

    def _write(self, batches: Iterable[pa.RecordBatch]) -> list[Part]:
        import pyarrow as pa

        layout, folder = self.layout, self.log.folder
        parts: list[Part] = []
        waiting: list[pa.RecordBatch] = []

        def flush() -> None:
            if waiting:
                rows = concat([self._complete(pa.Table.from_batches(waiting), layout.stored)], layout.stored)
                waiting.clear()
                parts.extend(files.write(layout, folder, self.file_name, rows, self.rotation))

        try:
            self.log.make()
            for batch in batches:
                waiting.append(batch)
                if sum(b.num_rows for b in waiting) >= FILE_ROWS:
                    flush()
            flush()
        except BaseException:
            files.discard(folder, parts)
            raise
        return parts

    def _commit(self, group: list[Waiting]) -> None:
        if self.dropped:
            raise NotFound(f"index {self.key!r} was deleted")
        try:
            self.log.make()
            # Alone: a request that another process commits at the same time would be committed twice.
            with alone(self.log.folder):
                self._commit_alone(group)
        except Exception as error:  # whatever misses its files, here or in deltalake
            if not self.dropped and self.log.folder.exists():
                raise
            raise NotFound(f"index {self.key!r} was deleted") from error
        self.checkpointed = min(self.checkpointed, self.log.version())
        self._committed(self)

    def _commit_alone(self, group: list[Waiting]) -> None:
        layout, folder = self.layout, self.log.folder
        self._evolve(layout)
        newest = self.log.version()
        self.requests.follow(newest)
        fresh = self._fresh(group)
        parts = [part for each in fresh for part in each.parts]
        try:
            rows = together([each for each in fresh if each.count], layout.stored)
            if rows:
                parts += files.write(layout, folder, self.file_name, concat(rows, layout.stored), self.rotation)
            keys = [each.request for each in fresh if each.request is not None]
            version = self.log.commit(parts, info={MEMBER: keys} if keys else None) if parts else newest
        except BaseException:
            named = set(self.log.snapshot().paths)  # a commit that fails late is in the log nevertheless
            files.discard(folder, [part for part in parts if part.path not in named])
            raise
        for each in group:
            each.version = version if each.version < 0 else each.version
        counter("store", "index_rows").add(sum(part.rows for part in parts))

    def _fresh(self, group: list[Waiting]) -> list[Waiting]:
        """Those whose requests are new; the others' files go, and they learn which version has their rows."""
        seen: set[str] = set()
        fresh = []
        for each in group:
            known = self.requests.version(each.request) if each.request is not None else None
            if known is None and each.request not in seen:
                fresh.append(each)
                seen |= {each.request} if each.request is not None else set()
            else:
                each.version = -1 if known is None else known
                files.discard(self.log.folder, each.parts)
        return fresh

    def _evolve(self, layout: Layout) -> None:
        """Bring the Delta table's columns up to the fields."""
        from deltalake import Schema

        if self._declared is None or not self._declared >= set(layout.stored.names):
            delta = self.log.delta()
            assert delta is not None
            self._declared = {f.name for f in delta.schema().fields}
            missing = [f for f in Schema.from_arrow(layout.declared).fields if f.name not in self._declared]
            if missing:
                self.log.redefine(
                    lambda delta, hooks: delta.alter.add_columns(missing, post_commithook_properties=hooks))
                self._declared |= {f.name for f in missing}
