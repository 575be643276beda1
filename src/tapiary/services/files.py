"""The repository: a folder of captures that uploads, captures and users' own hands fill."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from tapiary.errors import Conflict, InvalidInput, NotFound
from tapiary.services.fingerprint import Fingerprint, fingerprint
from tapiary.services.names import checked_name, inside
from tapiary.services.views import FileView, ScanReport
from tapiary.telemetry import logger

if TYPE_CHECKING:
    from sqlalchemy import Select

    from tapiary.services import Services

log = logger("services")
Change = Literal["seen", "changed", "returned", "same"]
Views = list[FileView]


class Files:
    """What files there are, and their bytes."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self.root = services.config.repository_path

    def list(self, *, outside: bool = False) -> Views:
        """The repository's files in the order of their names; with `outside` also files processed in place."""
        from tapiary.database import File
        from tapiary.services import catalog

        query = catalog.rows().where(File.gone.is_(False))
        if not outside:
            query = query.where(File.outside.is_(False))
        return self._views(query)

    def get(self, name: str, field: str = "file_name", *, outside: bool = False, gone: bool = False) -> FileView:
        """The file of that name in the repository, or of that path (`outside`). Raises NotFound, InvalidInput.

        gone: also a file that is no longer on the disk, whose rows are still there.
        """
        from tapiary.database import File
        from tapiary.services import catalog

        if not outside:
            checked_name(name, field)
        found = self._views(catalog.rows().where(File.name == name))
        if not found or (found[0].gone and not gone):
            raise NotFound(f"{field}: there is no file {name!r} in the repository", field=field)
        return found[0]

    def by_id(self, file_id: int) -> FileView:
        """The file with this identifier, also when it is gone. Raises NotFound."""
        from tapiary.database import File
        from tapiary.services import catalog

        found = self._views(catalog.rows().where(File.id == file_id))
        if not found:
            raise NotFound(f"there is no file {file_id}", field="file_id")
        return found[0]

    def by_job(self, job_id: int) -> FileView:
        """The file that a job processed or shall process. Raises NotFound."""
        from sqlalchemy import select

        from tapiary.database import File, Job
        from tapiary.services import catalog

        of_job = select(Job.file_id).where(Job.id == job_id).scalar_subquery()
        found = self._views(catalog.rows().where(File.id == of_job))
        if not found:
            raise NotFound(f"job_id: there is no job {job_id}, or its file was deleted", field="job_id")
        return found[0]

    def resolve(self, reference: str | int) -> FileView:
        """The file that a person means: a job's number, a name in the repository, or a path. Raises NotFound."""
        text = str(reference)
        if text.isdecimal():
            return self.by_job(int(text))
        for name, outside in ((text, False), (os.path.abspath(text), True), (text, True)):
            try:
                return self.get(name, outside=outside)
            except (NotFound, InvalidInput):
                continue
        relative = os.path.relpath(os.path.abspath(text), self.root)
        if not relative.startswith(".."):
            return self.get(relative)
        raise NotFound(f"there is no file and no job {text!r}", field="file_name")

    def scan(self) -> ScanReport:
        """Look into the folder and bring the database up to date; see `ScanReport`."""
        from tapiary.services.scan import Scan

        report = Scan(self._services).run()
        for name in report.seen + report.changed:
            log.info("file %s in the repository: %s", "new" if name in report.seen else "changed", name)
        return report

    def see(self, name: str) -> FileView:
        """One file of the folder, entered into the database if it is not there yet or has changed.

        Raises NotFound, InvalidInput, and Conflict for a file that is still being written.
        """
        from tapiary.services.files_in_use import open_for_writing

        path = (
            inside(self.root, name, "file_name") if self.root.is_dir() else self.root / checked_name(name, "file_name")
        )
        try:
            found = fingerprint(path)
        except OSError:
            return self.get(name)
        view = next(iter(self._named(name)), None)
        if view and not view.gone and self._unchanged(view, found):
            return view
        if os.path.realpath(path) in open_for_writing(self.root):
            raise Conflict(f"file_name: {name!r} is still being written", field="file_name", code="file_in_use")
        self.record(name, found)
        return self.get(name)

    def add(self, path: Path) -> FileView:
        """Enter a file to be processed where it lies; one inside the repository is known by its name there.

        Raises NotFound when it cannot be read.
        """
        path = Path(os.path.abspath(path))
        if path.is_relative_to(self.root):
            return self.see(str(path.relative_to(self.root)))
        try:
            found = fingerprint(path.resolve())
        except OSError as error:
            raise NotFound(f"file: cannot read {path}: {error.strerror or error}", field="file") from None
        self.record(str(path), found, outside=True)
        return self.get(str(path), outside=True)

    def add_stream(self, name: str) -> FileView:
        """Enter something that is no file, such as standard input, under a name of its own."""
        self.record(name, Fingerprint(0, time.time_ns(), "", True), outside=True)
        return self.get(name, outside=True)

    def record(
        self,
        name: str,
        found: Fingerprint,
        *,
        outside: bool = False,
        checksum: str | None = None,
        uploaded: bool = False,
    ) -> Change:
        """Enter what was found under a name; a file that changed is `new` again, its old rows stay until replaced."""
        from sqlalchemy import select

        from tapiary.database import File

        path = Path(name) if outside else self.root / name
        with self._services.database.session() as session:
            file = session.scalar(select(File).where(File.name == name))
            change: Change = "seen"
            if file is None:
                file = File(name=name, outside=outside)
                session.add(file)
            elif (file.size, file.quick_hash) == (found.size, found.quick_hash) and (
                not uploaded or file.mtime_ns == found.mtime_ns  # an upload of the same size may differ in its middle
            ):
                change = "returned" if file.gone else "same"
                file.gone, file.mtime_ns = False, found.mtime_ns
                return change
            else:
                change = "changed"
            file.gone, file.size, file.mtime_ns, file.quick_hash = False, found.size, found.mtime_ns, found.quick_hash
            file.uploaded, file.checksum, file.seen_at, file.job_id = uploaded, checksum, time.time(), None
            file.time_start, file.time_end = found.times(path)
        return change

    def path(self, view: FileView, *, unchanged: bool = False) -> Path:
        """Where a file's bytes lie. Raises NotFound when they are gone and, on demand, Conflict when they changed."""
        path = Path(view.path) if view.outside else inside(self.root, view.name)
        if not path.is_file():
            raise NotFound(f"the file {view.name!r} is no longer there", field="file_name")
        if unchanged and view.summary is not None:
            found = fingerprint(path.resolve())
            if view.summary.get("quick_hash", found.quick_hash) != found.quick_hash:
                raise Conflict(
                    f"the file {view.name!r} changed since it was processed; process it again", code="file_changed"
                )
        return path

    def delete(self, view: FileView) -> None:
        """Delete a file with its rows; of a file outside the repository only the rows. A running job is cancelled."""
        from sqlalchemy import select

        from tapiary.database import File, Run, drop_runs

        if view.job and view.job.state in ("new", "queued", "in_progress"):
            with suppress(Conflict):  # it ended since
                self._services.ingest.cancel(view.job.id)
        if not view.outside:
            inside(self.root, view.name).unlink(missing_ok=True)
        with self._services.database.session() as session:
            runs = list(session.scalars(select(Run.id).where(Run.file_id == view.id)))
            drop_runs(session, runs)
            file = session.get(File, view.id)
            if file is not None:
                session.delete(file)
        self._services.store.drop_runs(runs)
        log.info("deleted %s", view.name)

    def _named(self, name: str) -> Views:
        from tapiary.database import File
        from tapiary.services import catalog

        return self._views(catalog.rows().where(File.name == name))

    def _unchanged(self, view: FileView, found: Fingerprint) -> bool:
        from tapiary.database import File

        with self._services.database.session(write=False) as session:
            file = session.get(File, view.id)
            return file is not None and (file.size, file.quick_hash) == (found.size, found.quick_hash)

    def _views(self, query: Select[Any]) -> Views:
        from tapiary.services import catalog

        with self._services.database.session(write=False) as session:
            return catalog.views(session, self.root, query)
