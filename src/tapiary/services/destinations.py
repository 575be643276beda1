"""Destinations: folders of the server to which users have the files of finished captures moved.

They lie inside the folders that the setting `capture.destination_roots` names, and nowhere else.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tapiary.errors import Conflict, Forbidden, InvalidInput, NotFound

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from tapiary.accounts import Actor
    from tapiary.database import Destination
    from tapiary.services import Services

#: TCI's limits, in characters.
NAME_LENGTH, PATH_LENGTH = 30, 128


@dataclass(frozen=True, slots=True)
class DestinationView:
    """A destination as its owner sees it."""

    id: int
    owner: str
    owner_id: int
    name: str
    path: str


class Destinations:
    """The destinations in the database; each belongs to one user, and who has ADMIN may see and change all."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def list(self, actor: Actor) -> list[DestinationView]:
        """The actor's own, in the order of their making; everybody's for an actor who is no user, as the shell is."""
        from sqlalchemy import select

        from tapiary.database import Destination

        query = select(Destination).order_by(Destination.id)
        if actor.user_id is not None or not _is_admin(actor):
            query = query.where(Destination.owner_id == actor.user_id)
        with self._services.database.session(write=False) as session:
            return [_view(session, row) for row in session.scalars(query)]

    def get(self, actor: Actor, id: int) -> DestinationView:
        """One destination. Raises NotFound, and Forbidden when it is somebody else's."""
        with self._services.database.session(write=False) as session:
            return _view(session, _own(session, actor, id))

    def create(self, actor: Actor, name: str, path: str) -> DestinationView:
        """Make a destination of the actor's own. Raises InvalidInput (name, path) and Forbidden."""
        from tapiary.database import Destination

        _require(actor)
        if actor.user_id is None:
            raise Forbidden("a destination belongs to a user: log in as one")
        name = _checked_name(name)
        self.check(path)
        with self._services.database.session() as session:
            row = Destination(owner_id=actor.user_id, name=name, path=path)
            session.add(row)
            session.flush()
            self._audit(session, actor, "destination.create", row, {"name": name, "path": path})
            return _view(session, row)

    def edit(self, actor: Actor, id: int, *, name: str | None = None, path: str | None = None) -> DestinationView:
        """Change the name or the path; None leaves it. Raises NotFound, Forbidden, InvalidInput."""
        _require(actor)
        with self._services.database.session() as session:
            row = _own(session, actor, id)
            changes: dict[str, Any] = {}
            if name is not None and name != row.name:
                row.name = changes["name"] = _checked_name(name)
            if path is not None:
                self.check(path)
                if path != row.path:
                    row.path = changes["path"] = path
            if changes:
                self._audit(session, actor, "destination.edit", row, changes)
            return _view(session, row)

    def delete(self, actor: Actor, id: int) -> None:
        """Forget a destination; the folder stays. Raises NotFound, Forbidden, and Conflict while a capture names it."""
        from sqlalchemy import select

        from tapiary.database import Capture

        _require(actor)
        with self._services.database.session() as session:
            row = _own(session, actor, id)
            used = session.scalar(select(Capture.id).where(Capture.destination_id == id).limit(1))
            if used is not None:
                raise Conflict(f"id: job {used} names this destination; remove that job from the history first",
                               field="id", code="in_use")
            self._audit(session, actor, "destination.delete", row, {"name": row.name, "path": row.path})
            session.delete(row)

    def check(self, path: str | Path) -> Path:
        """The real folder behind a path, when files may be moved there.

        Symbolic links are followed first, then the folder must lie in one of `capture.destination_roots` (or be one),
        exist, and be ours to read and write. Raises InvalidInput (field path).
        """
        text = str(path)
        if not 1 <= len(text) <= PATH_LENGTH or not text.isprintable():
            raise _bad(f"must have 1 to {PATH_LENGTH} printable characters")
        if not text.startswith("/"):
            raise _bad("must be absolute, as /srv/captures")
        roots = self._services.config.capture.destination_roots
        if not roots:
            raise _bad("no destination is allowed here: the setting capture.destination_roots is empty")
        try:
            real = Path(text).resolve()
        except (OSError, RuntimeError):  # a loop of links
            raise _bad(f"{text} cannot be resolved") from None
        if not any(real.is_relative_to(Path(root).resolve()) for root in roots):
            raise _bad(f"must lie inside {' or '.join(roots)} (setting capture.destination_roots)")
        if not real.is_dir():
            raise _bad(f"there is no folder {text}; make it on the server first")
        if not os.access(real, os.R_OK | os.W_OK | os.X_OK):
            raise _bad(f"the server may not read and write {text}")
        return real

    def _audit(self, session: Session, actor: Actor, action: str, row: Destination, details: dict[str, Any]) -> None:
        self._services.accounts.audit.write(actor, action, str(row.id), details, session=session)


def _is_admin(actor: Actor) -> bool:
    from tapiary.accounts import Permission

    return actor.has(Permission.ADMIN)


def _require(actor: Actor) -> None:
    from tapiary.accounts import Permission

    if not actor.has(Permission.SCRIPT_MASTER):
        raise Forbidden("destinations are made and changed by those with the permission SCRIPT_MASTER")


def _own(session: Session, actor: Actor, id: int) -> Destination:
    from tapiary.database import Destination

    row = session.get(Destination, id)
    if row is None:
        raise NotFound(f"id: there is no destination {id}", field="id")
    if row.owner_id != actor.user_id and not _is_admin(actor):
        raise Forbidden(f"destination {id} belongs to another user", field="id")
    return row


def _view(session: Session, row: Destination) -> DestinationView:
    from tapiary.database import User

    owner = session.get(User, row.owner_id)
    return DestinationView(row.id, owner.name if owner else "", row.owner_id, row.name, row.path)


def _checked_name(name: str) -> str:
    if not 1 <= len(name) <= NAME_LENGTH or not name.isprintable() or not name.strip():
        raise InvalidInput(f"name: must have 1 to {NAME_LENGTH} printable characters", field="name")
    return name


def _bad(reason: str) -> InvalidInput:
    return InvalidInput(f"path: {reason}", field="path")
