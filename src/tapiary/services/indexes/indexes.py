"""The custom indexes: made, changed, deleted, found; rows injected into them, old ones let go.

Who may do what with one is a matter of `elements`: VIEW lets query it, ADD inject, EDIT modify, DELETE delete it.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import IO, TYPE_CHECKING, Any

from tapiary.errors import Conflict, Forbidden, InvalidInput, NotFound
from tapiary.services.elements.views import INDEX, ElementView
from tapiary.services.indexes.changes import check_changes
from tapiary.services.indexes.definition import Definition, definition, is_built_in
from tapiary.services.indexes.views import IndexView, Injected

if TYPE_CHECKING:
    import pyarrow as pa

    from tapiary.accounts import Actor
    from tapiary.services import Services
    from tapiary.services.indexes.tally import InjectionTally
    from tapiary.services.indexes.uploads import Piece
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

        return InjectionTally(self._services.accounts)

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
        from tapiary.services.indexes.injecting import by_rows

        view, known = self._for_injection(actor, name)
        return self._inject(actor, view, known, [by_rows(columns, rows, known)], request)

    def inject_batches(
        self, actor: Actor, name: str, batches: Iterable[pa.RecordBatch], *, request: str | None = None
    ) -> Injected:
        """Add the rows of Arrow batches, all of them or none; fields left out are null. Raises as `inject` does."""
        from tapiary.services.indexes.uploads import of_batch

        view, known = self._for_injection(actor, name)
        return self._inject(actor, view, known, map(of_batch, batches), request)

    def inject_file(
        self, actor: Actor, name: str, source: IO[bytes], format: str, *, request: str | None = None
    ) -> Injected:
        """Add the rows of a file (`uploads` has the formats: ndjson, csv, arrow, parquet), all of them or none.

        Raises as `inject` does, InvalidInput (format, file) for what cannot be read, and TooLarge.
        """
        from tapiary.services.indexes.uploads import pieces

        view, known = self._for_injection(actor, name)
        rows = pieces(source, format, self._services.config.indexes.max_upload_bytes)
        return self._inject(actor, view, known, rows, request)

    def retain(self) -> None:
        """Let the rows go that are older, or more, than each index keeps."""
        from tapiary.accounts import LOCAL

        settings = self._services.config.indexes
        for element in self._services.elements.of(LOCAL, INDEX):
            known = self._definition(element)
            days = known.retention_days if known.retention_days is not None else settings.retention_days
            size = known.retention_bytes if known.retention_bytes is not None else settings.retention_bytes
            if days or size:
                oldest = int(time.time() * 1000) - days * DAY_MS if days else None
                self._open(element.id, known).retain(oldest, size or None)

    def sweep(self) -> None:
        """Remove the rows of indexes that are no more, and write what has been injected into the audit log."""
        from sqlalchemy import select

        from tapiary.database import Element

        # In this order: an index that is made in between has its row in the database before it has a table.
        kept = self._services.store.index_keys()
        with self._services.database.session(write=False) as session:
            there = set(session.scalars(select(Element.id).where(Element.category == INDEX)))
        for id in set(kept) - there:
            self.drop(id)
        self.close()

    def close(self) -> None:
        """Write the injections that have been counted into the audit log; the indexes can be used again afterwards."""
        if "_tally" in self.__dict__:
            self._tally.flush()

    def _for_injection(self, actor: Actor, name: str) -> tuple[IndexView, Definition]:
        if not isinstance(name, str):
            raise InvalidInput("indexName: must be the name of an index", field="indexName")
        if is_built_in(name):
            raise Forbidden(f"indexName: {name} is a built-in stream; rows can only be injected into custom indexes",
                            field="indexName", code="built_in")
        view = self.find(actor, name, "ADD")
        return view, self._definition(view.element)

    def _inject(
        self, actor: Actor, view: IndexView, known: Definition, pieces: Iterable[Piece], request: str | None
    ) -> Injected:
        from tapiary.services.indexes.injecting import commit

        found = commit(view, known, pieces, _request_key(actor, request))
        if found.rows:
            self._tally.add(actor, view.element.id, found.rows)
            self._services.rows_came()
        return found

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


def _request_key(actor: Actor, request: str | None) -> str | None:
    """The request's key as the table keeps it: that of one user never meets another's. Raises InvalidInput."""
    if request is None:
        return None
    if not 1 <= len(request) <= REQUEST_LENGTH or not request.isprintable():
        raise InvalidInput(f"request: must have 1 to {REQUEST_LENGTH} printable characters", field="request")
    return f"{actor.user_id if actor.user_id is not None else actor.name}:{request}"
