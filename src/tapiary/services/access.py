"""Who may see which file: what came of a capture is its owner's, everything else is shared."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from tapiary.errors import Forbidden
from tapiary.services.names import checked_name
from tapiary.services.views import FileView

if TYPE_CHECKING:
    from tapiary.accounts import Actor
    from tapiary.services import Services

Owners = dict[int, list[tuple[int, int]]]


class Access:
    """Rights on files, by the captures that they came of (`Actor.may_access`)."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def file(self, actor: Actor, view: FileView) -> FileView:
        """The same file. Raises Forbidden when it came of a capture that is not the actor's to see."""
        from tapiary.database import Capture

        self._check(actor, Capture.file_id == view.id, view.name)
        return view

    def files(self, actor: Actor, views: Iterable[FileView]) -> list[FileView]:
        """Those of the files that the actor may see, in their order."""
        from tapiary.database import Capture

        owners = self._owners(Capture.file_id.is_not(None))
        return [view for view in views if view.id not in owners or _may(actor, owners[view.id])]

    def job(self, actor: Actor, job_id: int) -> None:
        """Raise Forbidden when the job's file came of a capture that is not the actor's to see."""
        from sqlalchemy import select

        from tapiary.database import Capture, Job

        of_job = select(Job.file_id).where(Job.id == job_id).scalar_subquery()
        self._check(actor, Capture.file_id == of_job, f"of job {job_id}")

    def name(self, actor: Actor, name: str, field: str = "name") -> None:
        """Raise Forbidden when a file of that name is there and not the actor's to see, InvalidInput for no name."""
        from sqlalchemy import select

        from tapiary.database import Capture, File

        named = select(File.id).where(File.name == checked_name(name, field)).scalar_subquery()
        self._check(actor, Capture.file_id == named, name)

    def hidden(self, actor: Actor) -> set[int]:
        """The numbers of the files that the actor may not see."""
        from tapiary.database import Capture

        owners = self._owners(Capture.file_id.is_not(None))
        return {file_id for file_id, of_file in owners.items() if not _may(actor, of_file)}

    def runs(self, actor: Actor) -> list[int]:
        """The runs whose rows the actor may see, in ascending order."""
        from sqlalchemy import select

        from tapiary.database import Run

        hidden = self.hidden(actor)
        query = select(Run.id, Run.file_id).where(Run.state == "committed").order_by(Run.id)
        with self._services.database.session(write=False) as session:
            return [run_id for run_id, file_id in session.execute(query) if file_id not in hidden]

    def _check(self, actor: Actor, condition: Any, what: str) -> None:
        for owners in self._owners(condition).values():
            if not _may(actor, owners):
                raise Forbidden(f"the file {what} came of a capture of another user")

    def _owners(self, condition: Any) -> Owners:
        """Users and levels of the owners by file; a file that several captures name has several."""
        from sqlalchemy import select

        from tapiary.database import Capture, User

        query = (
            select(Capture.file_id, Capture.owner_id, User.level)
            .join(User, User.id == Capture.owner_id)
            .where(condition, Capture.file_id.is_not(None))
        )
        found: Owners = {}
        with self._services.database.session(write=False) as session:
            for file_id, owner_id, level in session.execute(query):
                assert file_id is not None
                found.setdefault(file_id, []).append((owner_id, level))
        return found


def _may(actor: Actor, owners: list[tuple[int, int]]) -> bool:
    return any(actor.may_access(owner_id, level) for owner_id, level in owners)
