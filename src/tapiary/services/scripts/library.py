"""The scripts that users have uploaded and that come with the program, and who may use which."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tapiary.errors import Conflict, Forbidden, InvalidInput, NotFound
from tapiary.services.scripts.shebang import read_script
from tapiary.services.scripts.shipped import SHIPPED

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from tapiary.accounts import Actor
    from tapiary.database import Script
    from tapiary.jobs import Handler
    from tapiary.services import Services

#: The queue's kind of job that runs a script.
SCRIPT = "script"
#: TCI's limit, in characters.
NAME_LENGTH = 20
#: The word by which TCI's clients say that there is no script.
RESERVED = "None"


@dataclass(frozen=True, slots=True)
class ScriptView:
    """A script as those who may use it see it."""

    id: int
    name: str
    description: str | None
    #: Users whose own level number is not larger may use it.
    level: int
    contents: bytes
    filetype: str
    #: It comes with the program: for everybody, and not to be deleted.
    shipped: bool
    #: Who uploaded it; None when it is shipped or that user is gone.
    owner: str | None
    created_at: float


class Scripts:
    """The scripts in the database, and the work of the queue that runs them."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def list(self, actor: Actor) -> list[ScriptView]:
        """The scripts that the actor may use, by name."""
        from sqlalchemy import select

        from tapiary.database import Script

        with self._services.database.session(write=False) as session:
            rows = session.scalars(select(Script).where(Script.name != RESERVED).order_by(Script.name))
            return [_view(session, row) for row in rows if _may_use(actor, row)]

    def get(self, actor: Actor, name: str) -> ScriptView:
        """One script. Raises NotFound, and Forbidden when it is for higher ranks only."""
        with self._services.database.session(write=False) as session:
            return _view(session, _find(session, actor, name))

    def create(
        self, actor: Actor, *, name: str, level: int, contents: bytes, description: str | None = None
    ) -> ScriptView:
        """Keep a script for users of this level number and of smaller ones (higher ranks).

        Raises Forbidden, InvalidInput (name, authorization_level, file_contents), and Conflict when the name is taken.
        """
        from sqlalchemy import select

        from tapiary.database import Level, Script

        _require(actor)
        name = _checked_name(name)
        text, shebang = read_script(contents)
        if level < actor.level:
            raise Forbidden(
                f"authorization_level: must be {actor.level} or larger; smaller numbers are ranks above your own",
                field="authorization_level",
            )
        with self._services.database.session() as session:
            if session.get(Level, level) is None:
                raise InvalidInput(f"authorization_level: there is no level {level}", field="authorization_level")
            if session.scalar(select(Script.id).where(Script.name == name)) is not None:
                raise Conflict(f"name: there is a script {name!r} already", field="name", code="exists")
            row = Script(name=name, description=description, level=level, contents=text, filetype=shebang.filetype,
                         owner_id=actor.user_id, created_at=time.time())
            session.add(row)
            session.flush()
            self._services.accounts.audit.write(
                actor, "script.create", name, {"level": level, "bytes": len(contents)}, session=session)
            return _view(session, row)

    def delete(self, actor: Actor, name: str) -> None:
        """Delete a script. Raises NotFound, Forbidden, and Conflict when a capture names it or it is shipped."""
        from sqlalchemy import select

        from tapiary.database import Capture

        _require(actor)
        with self._services.database.session() as session:
            row = _find(session, actor, name)
            if row.shipped:
                raise Conflict(f"name: {name!r} comes with the program and cannot be deleted", field="name")
            used = session.scalar(select(Capture.id).where(Capture.script_id == row.id).limit(1))
            if used is not None:
                raise Conflict(f"name: job {used} names this script; remove that job from the history first",
                               field="name", code="in_use")
            session.delete(row)
            self._services.accounts.audit.write(actor, "script.delete", name, session=session)

    def install_shipped(self) -> None:
        """Bring the scripts that come with the program to this version's text; a user's own of that name stays.

        Does nothing while there is no authorization level: scripts need one.
        """
        from sqlalchemy import func, select

        from tapiary.database import Level, Script

        with self._services.database.session() as session:
            top = session.scalar(select(func.min(Level.level)))
            if top is None:
                return
            for shipped in SHIPPED:
                text, shebang = read_script(shipped.contents.encode())
                row = session.scalars(select(Script).where(Script.name == shipped.name)).first()
                if row is None:
                    row = Script(name=shipped.name, level=top, shipped=True, created_at=time.time())
                    session.add(row)
                if row.shipped:
                    row.description, row.contents, row.filetype = shipped.description, text, shebang.filetype

    def engine(self) -> str:
        """What scripts run in here, with its version. Raises Unavailable with what is missing."""
        from tapiary.sandbox import engine_of

        return engine_of(self._services.config.scripts)

    def handlers(self) -> dict[str, Handler]:
        """What this process can do for the queue, by kind of job."""
        from tapiary.services.scripts.running import Running

        return {SCRIPT: lambda context, arguments: Running(self._services, context, int(arguments["capture_id"])).run()}


def _require(actor: Actor) -> None:
    from tapiary.accounts import Permission

    if not actor.has(Permission.SCRIPT_MASTER):
        raise Forbidden("scripts are uploaded and deleted by those with the permission SCRIPT_MASTER")


def _may_use(actor: Actor, row: Script) -> bool:
    return row.shipped or actor.level <= row.level


def _find(session: Session, actor: Actor, name: str) -> Script:
    from sqlalchemy import select

    from tapiary.database import Script

    row = session.scalars(select(Script).where(Script.name == name, Script.name != RESERVED)).first()
    if row is None:
        raise NotFound(f"script_name: there is no script {name!r}", field="script_name")
    if not _may_use(actor, row):
        raise Forbidden(f"script_name: {name!r} is for users of level {row.level} and above", field="script_name")
    return row


def _view(session: Session, row: Script) -> ScriptView:
    from sqlalchemy import func, select

    from tapiary.database import Level, User

    owner = session.get(User, row.owner_id) if row.owner_id is not None else None
    # A shipped script is for all: the number that says so is that of the lowest rank there is.
    level = session.scalar(select(func.max(Level.level))) if row.shipped else row.level
    return ScriptView(
        row.id, row.name, row.description, level or row.level, row.contents.encode(), row.filetype, row.shipped,
        owner.name if owner else None, row.created_at,
    )


def _checked_name(name: str) -> str:
    if not 1 <= len(name) <= NAME_LENGTH or not name.isprintable() or "/" in name or name != name.strip():
        raise InvalidInput(f"name: must have 1 to {NAME_LENGTH} printable characters other than /", field="name")
    if name == RESERVED:
        raise InvalidInput(f"name: {RESERVED!r} stands for no script at all", field="name")
    return name
