"""The custom indexes: made, changed, deleted, found; rows injected into them, old ones let go.

Who may do what with one is a matter of `elements`: VIEW lets query it, ADD inject, EDIT modify, DELETE delete it.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from tapiary.errors import Conflict, Forbidden, InvalidInput, NotFound
from tapiary.services.elements.views import INDEX, ElementView
from tapiary.services.indexes.changes import check_changes
from tapiary.services.indexes.definition import TIMESTAMP, Definition, definition, is_built_in
from tapiary.services.indexes.views import Field, IndexView, Injected

if TYPE_CHECKING:
    import pyarrow as pa

    from tapiary.accounts import Actor
    from tapiary.services import Services
    from tapiary.services.indexes.errors import Faults
    from tapiary.services.indexes.tally import InjectionTally
    from tapiary.store import IndexTable

#: Longest key by which a request that is sent again is known, in characters.
REQUEST_LENGTH = 128
DAY_MS = 86_400_000


class Indexes:
    """Custom indexes and their rows. Safe to share between threads."""

    def __init__(self, services: Services) -> None:
        self._services = services
        #: Definitions by identifier, each with the moment of the change that it is of.
        self._known: dict[str, tuple[float, Definition]] = {}

    @cached_property
    def _tally(self) -> InjectionTally:
        from tapiary.services.indexes.tally import InjectionTally

        return InjectionTally(self._services.accounts.audit)

    def list(self, actor: Actor) -> list[IndexView]:
        """The indexes that are on and that the actor may query."""
        found = ((element, self._definition(element)) for element in self._services.elements.of(actor, INDEX))
        return [self._view(element, known) for element, known in found if known.active]

    def find(self, actor: Actor, name: str, need: str = "VIEW") -> IndexView:
        """The index of that name. Raises NotFound, and Forbidden when it may be seen and `need` is lacking.

        One that is off is not found by queries; injections are refused with Conflict.
        """
        element = self._services.elements.named(actor, INDEX, name, need, "indexName" if need == "ADD" else "name")
        known = self._definition(element)
        if not known.active:
            message = f"the index {name!r} is switched off (active is false)"
            if need == "ADD":
                raise Conflict(f"indexName: {message}", field="indexName", code="inactive")
            raise NotFound(message, field="name", code="inactive")
        return self._view(element, known)

    def create(self, actor: Actor, config: Mapping[str, Any]) -> ElementView:
        """Make an index, the actor's own and private. Raises InvalidInput that names the key, Forbidden, Conflict."""
        made = definition(config, most_fields=self._services.config.indexes.max_fields)
        element = self._services.elements.create(actor, INDEX, made.name, config)
        self._known[element.id] = (element.modified_at, made)
        return element

    def modify(self, actor: Actor, id: str, config: Mapping[str, Any]) -> ElementView:
        """Set an index's configuration, of which not everything may change (`changes`).

        Raises NotFound, Forbidden, InvalidInput that names the key or field.
        """
        self._services.elements.get(actor, id, "EDIT", INDEX)
        new = definition(config, most_fields=self._services.config.indexes.max_fields)
        return self._services.elements.edit(
            actor, id, {"config": config}, category=INDEX,
            check=lambda element: check_changes(self._definition(element), new))

    def delete(self, actor: Actor, id: str) -> None:
        """Delete an index with all its rows. Raises NotFound and Forbidden."""
        self._services.elements.delete(actor, id, INDEX)

    def drop(self, id: str) -> None:
        """Remove the rows of an index that is no more."""
        self._known.pop(id, None)
        self._services.store.drop_index(id)

    def inject(
        self, actor: Actor, name: str, columns: Sequence[str], rows: Sequence[Sequence[Any]], *, sort: bool = True,
        request: str | None = None,
    ) -> Injected:
        """Add rows, all of them or none; when this returns they are in a committed table.

        columns: names of fields, whose values rows have in that order; fields left out are null.
        request: a key of the caller's choosing; a second injection of the same user with it adds nothing.
        sort: accepted for the API's sake: rows are stored by their time in any case.
        Raises NotFound, Forbidden (built-in streams, too), Conflict when the index is off, InvalidInput (columns),
        BadCells (rows).
        """
        from tapiary.services.indexes.columns import column
        from tapiary.services.indexes.errors import Faults

        view, known = self._for_injection(actor, name)
        _check_columns(columns, known.fields)
        faults = Faults(columns)
        _check_rows(columns, rows, faults)
        named = {field.name: field for field in known.fields}
        arrays = {name: column(named[name], [row[place] for row in rows], faults)
                  for place, name in enumerate(columns)}
        faults.check()
        return self._append(actor, view, known, [_table(arrays, len(rows), known.fields)], request)

    def inject_batches(
        self, actor: Actor, name: str, batches: Iterable[pa.RecordBatch], *, request: str | None = None
    ) -> Injected:
        """Add the rows of Arrow batches, all of them or none; fields left out are null. Raises as `inject` does."""
        from tapiary.services.indexes.columns import from_arrow
        from tapiary.services.indexes.errors import Faults

        view, known = self._for_injection(actor, name)
        named = {field.name: field for field in known.fields}
        faults = Faults(list(named))
        tables, count = [], 0
        for batch in batches:
            _check_columns(batch.schema.names, known.fields)
            arrays = {key: from_arrow(named[key], batch.column(place), faults, count)
                      for place, key in enumerate(batch.schema.names)}
            count += batch.num_rows
            if not faults.count:
                tables.append(_table(arrays, batch.num_rows, known.fields))
        faults.check()
        return self._append(actor, view, known, tables, request)

    def retain(self) -> None:
        """Let the rows go that are older, or more, than each index keeps."""
        settings = self._services.config.indexes
        from tapiary.accounts import LOCAL

        for element in self._services.elements.of(LOCAL, INDEX):
            known = self._definition(element)
            days = known.retention_days if known.retention_days is not None else settings.retention_days
            size = known.retention_bytes if known.retention_bytes is not None else settings.retention_bytes
            if days or size:
                oldest = int(time.time() * 1000) - days * DAY_MS if days else None
                self._open(element.id, known).retain(oldest, size or None)

    def flush(self) -> None:
        """Write the injections that have been counted into the audit log."""
        if "_tally" in self.__dict__:
            self._tally.flush()

    close = flush

    def _for_injection(self, actor: Actor, name: str) -> tuple[IndexView, Definition]:
        if not isinstance(name, str):
            raise InvalidInput("indexName: must be the name of an index", field="indexName")
        if is_built_in(name):
            raise Forbidden(f"indexName: {name} is a built-in stream; rows can only be injected into custom indexes",
                            field="indexName", code="built_in")
        view = self.find(actor, name, "ADD")
        return view, self._definition(view.element)

    def _append(
        self, actor: Actor, view: IndexView, known: Definition, tables: Sequence[pa.Table], request: str | None
    ) -> Injected:
        import pyarrow as pa

        key = _request_key(actor, request)
        rows = sum(table.num_rows for table in tables)
        if not rows:
            return Injected(0, None)
        table = pa.concat_tables(tables)
        if not known.store_raw:
            from tapiary.services.indexes.totals import totals

            table = totals(table, view.fields)
        version = view.table.append(table, request=key)
        self._tally.add(actor, view.element.id, rows)
        return Injected(rows, version)

    def _definition(self, element: ElementView) -> Definition:
        moment, known = self._known.get(element.id, (0.0, None))
        if known is None or moment != element.modified_at:
            # What was once accepted stays readable when a limit is lowered.
            known = definition(element.config, most_fields=len(element.config["fields"]))
            self._known[element.id] = (element.modified_at, known)
        return known

    def _view(self, element: ElementView, known: Definition) -> IndexView:
        from tapiary.services.indexes.totals import stored_fields

        return IndexView(element, stored_fields(known), self._open(element.id, known))

    def _open(self, id: str, known: Definition) -> IndexTable:
        from tapiary.services.indexes.totals import stored_fields
        from tapiary.store import IndexField

        fields = tuple(IndexField(field.name, field.kind) for field in stored_fields(known))
        return self._services.store.index(id, fields, known.rotation)


def _check_columns(columns: Sequence[str], fields: tuple[Field, ...]) -> None:
    """Raise InvalidInput (columns) unless they are names of fields, each once, `timestamp` among them."""
    if isinstance(columns, str) or not all(isinstance(name, str) for name in columns):
        raise InvalidInput("columns: must be a list of names of fields", field="columns")
    known = {field.name for field in fields}
    unknown = [name for name in columns if name not in known]
    if unknown:
        told = ", ".join(f"{name[:80]!r}" for name in unknown[:5])
        raise InvalidInput(f"columns: the index has no field {told}; it has {', '.join(sorted(known))[:500]}",
                           field="columns")
    if len(set(columns)) < len(columns):
        raise InvalidInput("columns: names a field twice", field="columns")
    if TIMESTAMP not in columns:
        raise InvalidInput(f"columns: {TIMESTAMP} is missing; every row needs its time, in milliseconds since 1970",
                           field="columns")


def _check_rows(columns: Sequence[str], rows: Sequence[Sequence[Any]], faults: Faults) -> None:
    """Raise InvalidInput (rows) unless each row is a list with one value a column."""
    if not isinstance(rows, (list, tuple)):
        raise InvalidInput("rows: must be a list of rows, each a list of values", field="rows")
    if not set(map(type, rows)) <= {list, tuple} or set(map(len, rows)) - {len(columns)}:
        for place, row in enumerate(rows):
            if not isinstance(row, (list, tuple)):
                faults.add(place, "", row, "is no list of values")
            elif len(row) != len(columns):
                faults.add(place, "", row, f"has {len(row)} values for {len(columns)} columns")
        faults.check()


def _table(arrays: Mapping[str, pa.Array], rows: int, fields: tuple[Field, ...]) -> pa.Table:
    import pyarrow as pa

    from tapiary.services.indexes.columns import schema_of

    schema = schema_of(fields)
    return pa.table([arrays[f.name] if f.name in arrays else pa.nulls(rows, f.type) for f in schema], schema=schema)


def _request_key(actor: Actor, request: str | None) -> str | None:
    """The request's key as the table keeps it: that of one user never meets another's. Raises InvalidInput."""
    if request is None:
        return None
    if not 1 <= len(request) <= REQUEST_LENGTH or not request.isprintable():
        raise InvalidInput(f"request: must have 1 to {REQUEST_LENGTH} printable characters", field="request")
    return f"{actor.user_id if actor.user_id is not None else actor.name}:{request}"
