"""The elements in the database: made, listed, changed, shared, deleted; one's name is unique in its category."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any

from tapiary.errors import Conflict, Forbidden, InvalidInput, NotFound
from tapiary.services.elements import rights
from tapiary.services.elements.views import INDEX, WORDS, ElementView

if TYPE_CHECKING:
    from sqlalchemy import Executable
    from sqlalchemy.orm import Session

    from tapiary.accounts import Actor, MomentCache
    from tapiary.database import Element
    from tapiary.services import Services

#: Longest name, in characters.
NAME_LENGTH = 255


class Elements:
    """Configured things of every category. Safe to share between threads."""

    def __init__(self, services: Services) -> None:
        self._services = services

    @cached_property
    def _by_name(self) -> MomentCache[tuple[ElementView, int | None, Sequence[Any]] | None]:
        """Elements with their owners' levels and their permissions as kept: each injection asks for the same one."""
        from tapiary.accounts import MomentCache

        return MomentCache()

    def list(
        self, actor: Actor, *, where: str | None = None, offset: int = 0, limit: int | None = None
    ) -> tuple[int, Sequence[ElementView]]:
        """How many elements match and may be seen, and a page of them, the oldest first.

        Raises InvalidInput for a filter that cannot be read (field filter), a negative offset or limit.
        """
        from tapiary.services.elements.where import where as parsed

        if offset < 0 or (limit is not None and limit < 0):
            raise InvalidInput("offset, limit: must not be negative", field="offset" if offset < 0 else "limit")
        test = parsed(where) if where and where.strip() else None
        found = [view for view in self._visible(actor) if test is None or test(view.member)]
        return len(found), found[offset:None if limit is None else offset + limit]

    def of(self, actor: Actor, category: str) -> Sequence[ElementView]:
        """All elements of a category that the actor may see, the oldest first."""
        return self._visible(actor, category)

    def get(self, actor: Actor, id: str, need: str = "VIEW", category: str | None = None) -> ElementView:
        """One element. Raises NotFound, and Forbidden when it may be seen and `need` is lacking."""
        with self._services.database.session(write=False) as session:
            return view(find(session, actor, id, need, category))

    def named(self, actor: Actor, category: str, name: str, need: str = "VIEW", field: str = "name") -> ElementView:
        """The element of that name in a category, as it is or was a moment ago. Raises as `get` does."""
        found = self._by_name.get(f"{category} {name}", lambda: self._look_up(category, name))
        what = f"{WORDS[category]} {name!r}"
        if found is None:
            raise NotFound(f"{field}: there is no {what}", field=field)
        element, level, permissions = found
        rights.check(actor, element.owner_id, level, permissions, need, what, field)
        return element

    def content(self, actor: Actor, id: str, need: str = "VIEW") -> tuple[ElementView, dict[str, Any]]:
        """One element and its content, `{}` where it has none. Raises NotFound and Forbidden."""
        with self._services.database.session(write=False) as session:
            row = find(session, actor, id, need)
            return view(row), row.content or {}

    def create(
        self, actor: Actor, category: str, name: str, config: Mapping[str, Any], *,
        attributes: Mapping[str, Any] | None = None, tags: Sequence[Any] | None = None,
        content: Mapping[str, Any] | None = None,
    ) -> ElementView:
        """Make an element, the actor's own and private.

        Raises Forbidden for an actor who is no user, InvalidInput (name, config), Conflict when the name is taken.
        """
        from tapiary.accounts import Permission
        from tapiary.database import Element

        if actor.user_id is None and not actor.has(Permission.ADMIN):
            raise Forbidden(f"a {WORDS[category]} belongs to a user: log in as one")
        now = time.time()
        row = Element(
            id=new_id(), category=category, name=checked_name(name), owner_id=actor.user_id, created_at=now,
            created_by=actor.name, modified_at=now, modified_by=actor.name, config=checked_json(config, "config"),
            attributes=checked_json(attributes, "attributes"), tags=checked_json(tags, "tags"), permissions=[],
            content=checked_json(content, "file"),
        )
        with self._services.database.session() as session:
            _check_unique(session, category, name)
            session.add(row)
            self._audit(session, actor, "create", row)
        self._by_name.clear()
        return view(row)

    def edit(
        self, actor: Actor, id: str, values: Mapping[str, Any], *, category: str | None = None,
        check: Callable[[ElementView], None] | None = None,
    ) -> ElementView:
        """Set what `values` has of name, config, attributes, tags and content.

        `check` is given the element as it was, in the transaction, and may refuse by raising.
        Raises NotFound, Forbidden, InvalidInput, and Conflict when the name is taken.
        """
        new = {key: checked_json(value, key) for key, value in values.items()}
        with self._services.database.session() as session:
            row = find(session, actor, id, "EDIT", category)
            if check is not None:
                check(view(row))
            if "name" in new and new["name"] != row.name:
                _check_unique(session, row.category, checked_name(new["name"]))
            for key, value in new.items():
                setattr(row, key, value)
            # Caches go by this moment: it must grow even when the clock does not.
            row.modified_at, row.modified_by = max(time.time(), row.modified_at + 1e-5), actor.name
            self._audit(session, actor, "modify", row)
            changed = view(row)
        self._by_name.clear()
        return changed

    def delete(self, actor: Actor, id: str, category: str | None = None) -> None:
        """Delete an element, and all that belongs to it. Raises NotFound and Forbidden."""
        with self._services.database.session() as session:
            row = find(session, actor, id, "DELETE", category)
            session.delete(row)
            self._audit(session, actor, "delete", row)
        self._by_name.clear()
        if row.category == INDEX:
            self._services.indexes.drop(id)

    def permissions(self, actor: Actor, id: str, category: str | None = None) -> tuple[Mapping[str, Any], ...]:
        """Who may do what beside owner and superiors. Raises NotFound."""
        return self.get(actor, id, "VIEW", category).permissions

    def set_permissions(
        self, actor: Actor, id: str, permissions: object, category: str | None = None
    ) -> tuple[Mapping[str, Any], ...]:
        """Replace the permissions. Raises NotFound, Forbidden without GRANT_PERMISSIONS, InvalidInput."""
        self.get(actor, id, "GRANT_PERMISSIONS", category)
        kept = rights.checked(self._services.accounts, permissions)
        shown = rights.shown(kept)
        with self._services.database.session() as session:
            row = find(session, actor, id, "GRANT_PERMISSIONS", category)
            row.permissions = kept
            self._audit(session, actor, "permissions", row, {"permissions": [dict(item) for item in shown]})
        self._by_name.clear()
        return shown

    def _look_up(self, category: str, name: str) -> tuple[ElementView, int | None, Sequence[Any]] | None:
        if not _is_unicode(name):
            return None
        with self._services.database.session(write=False) as session:
            found = session.execute(_by_name(), {"category": category, "name": name}).first()
            return (view(found[0]), found[1], found[0].permissions) if found else None

    def _visible(self, actor: Actor, category: str | None = None) -> Sequence[ElementView]:
        from sqlalchemy import select

        from tapiary.database import Element, User

        query = (select(Element, User.level).outerjoin(User, User.id == Element.owner_id)
                 .order_by(Element.created_at, Element.id))
        if category is not None:
            query = query.where(Element.category == category)
        with self._services.database.session(write=False) as session:
            return [view(row) for row, level in session.execute(query)
                    if "VIEW" in rights.granted(actor, row.owner_id, level, row.permissions)]

    def _audit(
        self, session: Session, actor: Actor, verb: str, row: Element, details: dict[str, Any] | None = None
    ) -> None:
        self._services.accounts.audit.write(
            actor, f"{WORDS[row.category]}.{verb}", row.id, {"name": row.name} | (details or {}), session=session)


@cache
def _by_name() -> Executable:
    """Built once: it is asked for each injection, and building it takes longer than running it."""
    from sqlalchemy import bindparam, select

    from tapiary.database import Element, User

    return (select(Element, User.level).outerjoin(User, User.id == Element.owner_id)
            .where(Element.category == bindparam("category"), Element.name == bindparam("name")))


def find(session: Session, actor: Actor, id: str, need: str, category: str | None = None) -> Element:
    """The row of an element. Raises NotFound, and Forbidden when it may be seen and `need` is lacking."""
    from tapiary.database import Element, User

    row = session.get(Element, id) if _is_unicode(id) else None
    if row is None or category not in (None, row.category):
        what = WORDS.get(category or "", "element")
        raise NotFound(f"id: there is no {what} {id!a}", field="id")
    owner = session.get(User, row.owner_id) if row.owner_id is not None else None
    rights.check(actor, row.owner_id, owner.level if owner else None, row.permissions, need,
                 f"{WORDS[row.category]} {id!r}")
    return row


def view(row: Element) -> ElementView:
    """The row as it is shown."""
    return ElementView(
        row.id, row.category, row.name, row.owner_id, row.created_at, row.created_by, row.modified_at, row.modified_by,
        row.config, row.attributes, row.tags, rights.shown(row.permissions),
    )


def new_id() -> str:
    """Three groups of eight hexadecimal digits, as Sycope's identifiers."""
    return "-".join(secrets.token_hex(4) for _ in range(3))


def checked_name(name: object) -> str:
    """The name, if an element may be called so. Raises InvalidInput."""
    if not isinstance(name, str) or not 1 <= len(name) <= NAME_LENGTH:
        raise InvalidInput(f"name: must be a text of 1 to {NAME_LENGTH} characters", field="name")
    if not name.isprintable() or name != name.strip():
        raise InvalidInput("name: may hold no control characters, and no spaces at its ends", field="name")
    return name


def checked_json(value: Any, field: str) -> Any:
    """The value, if every database can keep it as JSON. Raises InvalidInput."""
    try:
        json.dumps(value, allow_nan=False, ensure_ascii=False).encode()
    except RecursionError:
        raise InvalidInput(f"{field}: is nested too deeply", field=field) from None
    except (TypeError, ValueError) as error:
        why = "text that is not valid Unicode" if isinstance(error, UnicodeError) else "what JSON has no form for"
        raise InvalidInput(f"{field}: holds {why}", field=field) from None
    return value


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return "\0" not in text


def _check_unique(session: Session, category: str, name: str) -> None:
    from sqlalchemy import select

    from tapiary.database import Element

    if session.scalar(select(Element.id).where(Element.category == category, Element.name == name)) is not None:
        raise Conflict(f"name: there is a {WORDS[category]} {name!r} already", field="name", code="exists")
