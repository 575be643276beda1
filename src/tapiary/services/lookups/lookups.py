"""The lookups in the database: made, read, replaced, deleted, and as relations for queries."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from tapiary.errors import InvalidInput, NotFound
from tapiary.services.elements.views import LOOKUP, ElementView
from tapiary.services.lookups.definition import definition, relation
from tapiary.services.lookups.views import LookupView

if TYPE_CHECKING:
    import pyarrow as pa

    from tapiary.accounts import Actor
    from tapiary.services import Services

#: Bytes of relations that are kept for the next query; the longest unused one goes first.
CACHE_BYTES: Final = 256 << 20


class Lookups:
    """Tables that queries look things up in. Safe to share between threads."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._lock = threading.Lock()
        #: By identifier: the moment of the change that it is of, and what was read then.
        self._cache: OrderedDict[str, tuple[float, LookupView]] = OrderedDict()

    def create(self, actor: Actor, kind: str, body: Mapping[str, Any]) -> ElementView:
        """Make a lookup, the actor's own and private, of `config` and `file`.

        Raises InvalidInput that names the key, BadCells, Forbidden, and Conflict when the name is taken.
        """
        known = definition(kind, body.get("config"), body.get("file"))
        relation(kind, known)
        return self._services.elements.create(
            actor, LOOKUP, known.name, body["config"], attributes=_attributes(body), tags=_tags(body),
            content={"kind": kind, **known.content})

    def get(self, actor: Actor, kind: str, id: str) -> tuple[ElementView, dict[str, Any]]:
        """A lookup and its file, `columns` and `rows`. Raises NotFound and Forbidden."""
        element, content = self._services.elements.content(actor, id)
        _check_kind(element, content, kind)
        return element, {"columns": content["columns"], "rows": content["rows"]}

    def replace(self, actor: Actor, kind: str, id: str, body: Mapping[str, Any]) -> ElementView:
        """Set configuration and file; queries that begin afterwards see the new rows.

        Raises NotFound, Forbidden, InvalidInput that names the key, BadCells, Conflict when the new name is taken.
        """
        self.get(actor, kind, id)
        known = definition(kind, body.get("config"), body.get("file"))
        relation(kind, known)
        values = {"name": known.name, "config": body["config"], "content": {"kind": kind, **known.content}}
        values |= {"attributes": _attributes(body)} if "attributes" in body else {}
        values |= {"tags": _tags(body)} if "tags" in body else {}
        return self._services.elements.edit(actor, id, values, category=LOOKUP)

    def delete(self, actor: Actor, kind: str, id: str) -> None:
        """Delete a lookup. Raises NotFound and Forbidden."""
        element, content = self._services.elements.content(actor, id, "DELETE")
        _check_kind(element, content, kind)
        self._services.elements.delete(actor, id, LOOKUP)

    def find(self, actor: Actor, name: str) -> LookupView:
        """The lookup of that name, with its rows. Raises NotFound, also when it is not active, and Forbidden."""
        element = self._services.elements.named(actor, LOOKUP, name)
        if element.config.get("active", True) is not True:
            raise NotFound(f"the lookup {name!r} is switched off (active is false)", field="name", code="inactive")
        with self._lock:
            moment, view = self._cache.get(element.id, (0.0, None))
            if view is not None and moment == element.modified_at:
                self._cache.move_to_end(element.id)
                return view
        element, content = self._services.elements.content(actor, element.id)
        known = definition(content["kind"], element.config, content)
        table = relation(content["kind"], known)
        types = {field.name: field.type for field in known.fields}
        view = LookupView(element, content["kind"], types, known.overlapping, table)
        self._keep(view)
        return view

    def relation(self, view: LookupView) -> pa.Table:
        """The rows of a lookup, as they were when it was found."""
        return view.relation

    def _keep(self, view: LookupView) -> None:
        with self._lock:
            self._cache[view.element.id] = (view.element.modified_at, view)
            self._cache.move_to_end(view.element.id)
            size = sum(kept.relation.nbytes for _, kept in self._cache.values())
            while size > CACHE_BYTES and len(self._cache) > 1:
                _, (_, gone) = self._cache.popitem(last=False)
                size -= gone.relation.nbytes


def _check_kind(element: ElementView, content: Mapping[str, Any], kind: str) -> None:
    if element.category != LOOKUP or content.get("kind") != kind:
        raise NotFound(f"id: there is no {kind} lookup {element.id!r}", field="id")


def _attributes(body: Mapping[str, Any]) -> dict[str, Any] | None:
    value = body.get("attributes")
    if value is not None and not isinstance(value, dict):
        raise InvalidInput("attributes: must be an object or null", field="attributes")
    return value


def _tags(body: Mapping[str, Any]) -> list[Any] | None:
    value = body.get("tags")
    if value is not None and not isinstance(value, list):
        raise InvalidInput("tags: must be a list or null", field="tags")
    return value
