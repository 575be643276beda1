"""Authorization levels: a number that is rank and key at once, a name, and permission bits."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import select
from sqlalchemy.orm import Session

from tapiary.accounts.actor import Actor, Permission
from tapiary.accounts.audit import AuditLog
from tapiary.accounts.queries import changing, find_level, keeping_an_admin
from tapiary.accounts.rules import check_grant, check_rank, require
from tapiary.accounts.views import LevelView, level_view
from tapiary.database import Database, Level, Script, User
from tapiary.errors import Conflict, InvalidInput

#: Longest name of a level, in characters (TCI 2.2.4; 2.2.0 allowed 20).
NAME_LENGTH = 100
#: Largest number of a level: what every database keeps as an integer.
LOWEST = (1 << 31) - 1


class Levels:
    """The levels in the database. `changed` is called after each change."""

    def __init__(self, database: Database, audit: AuditLog, changed: Callable[[], None]) -> None:
        self._database, self._audit, self._changed = database, audit, changed

    def list(self) -> list[LevelView]:
        """All levels, the highest rank first."""
        with self._database.session(write=False) as session:
            return [level_view(row) for row in session.scalars(select(Level).order_by(Level.level))]

    def get(self, number: int) -> LevelView:
        """One level. Raises NotFound."""
        with self._database.session(write=False) as session:
            return level_view(find_level(session, number))

    def create(self, actor: Actor, *, level: int, name: str, permissions: int) -> LevelView:
        """Make a level, not above the actor's own and with none but the actor's permissions.

        Raises Forbidden, InvalidInput, and Conflict where the number or the name is taken.
        """
        require(actor, Permission.MODIFY_AUTHORIZATIONS)
        if not 1 <= level <= LOWEST:
            raise InvalidInput(f"level: must be 1 to {LOWEST}", field="level")
        name, permissions = _check_name(name), _check_permissions(permissions)
        check_rank(actor, level, "level: it", "level")
        check_grant(actor, permissions, "permissions")
        with changing(self._database) as session:
            if session.get(Level, level) is not None:
                raise Conflict(f"level: there is a level {level} already", field="level")
            _check_unique(session, name)
            row = Level(level=level, name=name, permissions=permissions)
            session.add(row)
            self._audit.write(actor, "level.create", str(level), {"name": name, "permissions": permissions},
                              session=session)
        self._changed()
        return level_view(row)

    def edit(
        self, actor: Actor, level: int, *, name: str | None = None, permissions: int | None = None
    ) -> LevelView:
        """Change a level's name or permissions; None leaves it as it is. It holds for all its users at once.

        Raises NotFound, Forbidden, InvalidInput, and Conflict: the name is taken, or nobody with ADMIN would be left.
        """
        require(actor, Permission.MODIFY_AUTHORIZATIONS)
        with changing(self._database) as session:
            row = find_level(session, level)
            check_rank(actor, level, f"level: {level}", "level")
            changes: dict[str, object] = {}
            if name is not None and (name := _check_name(name)) != row.name:
                _check_unique(session, name)
                row.name = changes["name"] = name
            if permissions is not None and (permissions := _check_permissions(permissions)) != row.permissions:
                check_grant(actor, permissions & ~row.permissions, "permissions")
                with keeping_an_admin(session):
                    row.permissions = changes["permissions"] = permissions
            if changes:
                self._audit.write(actor, "level.edit", str(level), changes, session=session)
        self._changed()
        return level_view(row)

    def delete(self, actor: Actor, level: int) -> None:
        """Delete a level that nothing uses. Raises NotFound, Forbidden, and Conflict while something uses it."""
        require(actor, Permission.MODIFY_AUTHORIZATIONS)
        with changing(self._database) as session:
            row = find_level(session, level)
            check_rank(actor, level, f"level: {level}", "level")
            for what, column in (("user", User.level), ("script", Script.level)):
                if session.scalar(select(column).where(column == level).limit(1)) is not None:
                    raise Conflict(f"level: {level} is in use by a {what}; give that another level first",
                                   field="level", code="in_use")
            session.delete(row)
            self._audit.write(actor, "level.delete", str(level), {"name": row.name}, session=session)
        self._changed()


def _check_unique(session: Session, name: str) -> None:
    if session.scalar(select(Level.level).where(Level.name == name)) is not None:
        raise Conflict(f"name: there is a level {name!r} already", field="name")


def _check_name(name: str) -> str:
    name = name.strip()
    if not 1 <= len(name) <= NAME_LENGTH or not name.isprintable():
        raise InvalidInput(f"name: must have 1 to {NAME_LENGTH} printable characters", field="name")
    return name


def _check_permissions(permissions: int) -> int:
    most = int(Permission.ADMIN)
    if not 0 <= permissions <= most:
        raise InvalidInput(f"permissions: must be a sum of permission bits, 0 to {most}", field="permissions")
    return int(permissions)
