"""From the drones' files to one file of the repository, and on into the meter.

A job of the queue does it, so that it is taken up again after a crash: it writes to a hidden name, renames, and makes
file, status and processing job visible in one transaction. Doing it twice gives the same file.
"""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, select, update

from tapiary.capture import COLLECTING, DONE, PROCESSING
from tapiary.database import Capture, CaptureDrone, CapturePart, Destination, Drone, File, Job
from tapiary.errors import InvalidInput, NotFound, TapiaryError, Unavailable
from tapiary.services.captures.steps import step
from tapiary.services.names import inside
from tapiary.telemetry import logger

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from tapiary.jobs import Context, Handler
    from tapiary.meter import MergeSource
    from tapiary.services import Services

log = logger("captures")

#: The folder of merged captures inside of the repository.
FOLDER = "captures"
#: States of a queue's job that will still do something.
ALIVE = ("new", "queued", "in_progress")


class Merging:
    """Merges, links, delivers."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def handlers(self) -> dict[str, Handler]:
        """What a worker can do for captures, by kind of job."""
        return {"merge": self._merge}

    def _merge(self, context: Context, arguments: dict[str, Any]) -> None:
        capture_id = int(arguments["capture_id"])
        with self._services.database.session(write=False) as session:
            capture = session.get(Capture, capture_id)
            if capture is None or capture.status != COLLECTING:
                published = capture is not None and capture.merge_job_id == context.job_id
                sources = None
            else:
                sources = self._sources(session, capture_id)
        if capture is None or sources is None:
            if published:  # by an attempt that was killed right after
                self._services.hive.files.remove(capture_id)
                self.deliver(capture_id)
            return
        try:
            path, packets = self._write(context, capture, sources)
            message = f"Merged {packets} packets of {len(sources)} files.{self._lost(capture_id)}"
            self._publish(context, capture, path, message)
        except Unavailable as error:
            if error.code != "disk_full":
                raise
            self._say(capture_id, "The hive's disk is full: merging goes on when there is room.")
            return
        except (InvalidInput, OSError) as error:
            words = error.message if isinstance(error, TapiaryError) else f"{error.strerror}: {error.filename}"
            self._fail(capture_id, f"The files cannot be merged: {words}")
            raise
        self._services.hive.files.remove(capture_id)
        self.deliver(capture_id)

    def _sources(self, session: Session, capture_id: int) -> list[MergeSource]:
        """The complete parts, in the order of drones, interfaces and time."""
        from tapiary.meter import MergeSource

        query = (
            select(CapturePart, Drone.name).join(Drone, Drone.id == CapturePart.drone_id)
            .where(CapturePart.capture_id == capture_id, CapturePart.complete.is_(True))
            .order_by(Drone.name, CapturePart.interface, CapturePart.number)
        )
        files = self._services.hive.files
        sources: list[MergeSource] = []
        for part, name in session.execute(query):
            path = files.path(capture_id, part.drone_id, part.number)
            interface = f"{name}:{part.interface}" if part.interface else name
            # Segments of one interface are one stream.
            continues = bool(sources) and sources[-1].interface == interface
            sources.append(MergeSource(path, interface, continues=continues))
        return sources

    def _lost(self, capture_id: int) -> str:
        """What the drones could not capture, as a sentence."""
        query = select(func.sum(CaptureDrone.dropped)).where(CaptureDrone.capture_id == capture_id)
        with self._services.database.session(write=False) as session:
            dropped = session.scalar(query)
        return f" The drones dropped {dropped} packets." if dropped else ""

    def _write(self, context: Context, capture: Capture, sources: list[MergeSource]) -> tuple[Path, int]:
        from tapiary.meter import merge
        from tapiary.services.captures.captures import file_slug

        root = self._services.config.repository_path
        hidden = root / f".{FOLDER}" / f"{capture.id}.pcapng"
        hidden.parent.mkdir(parents=True, exist_ok=True)
        (root / FOLDER).mkdir(parents=True, exist_ok=True)
        target = inside(root, f"{FOLDER}/{capture.id}-{file_slug(capture)}.pcapng")
        if not any(source.path.exists() for source in sources) and target.is_file():
            return target, 0  # an earlier attempt was killed after its last step
        total = sum(source.path.stat().st_size for source in sources)
        if not self._services.hive.files.has_room(total):
            raise Unavailable("the hive's disk is full", code="disk_full")
        result = merge(
            [source for source in sources if source.path.stat().st_size], hidden, cancelled=context.cancelled,
            progress=lambda done: context.progress(
                {"phase": "merge", "packets": done.packets, "bytes": done.bytes, "total_bytes": total}),
        )
        context.check()
        for path, words in result.torn.items():
            log.warning("job %d: %s: %s", capture.id, path, words)
        self._reserve(capture.id, str(target.relative_to(root)))
        hidden.rename(target)
        return target, result.packets

    def _reserve(self, capture_id: int, name: str) -> None:
        """Enter the file before it is there: from its first moment on it is its owner's, and nobody else's to see."""
        with self._services.database.session() as session:
            file = session.scalars(select(File).where(File.name == name)).first()
            if file is None:
                file = File(name=name, gone=True)
                session.add(file)
                session.flush()
            mine = update(Capture).where(Capture.id == capture_id, Capture.status == COLLECTING)
            session.execute(mine.values(file_id=file.id))

    def _publish(self, context: Context, capture: Capture, path: Path, message: str) -> None:
        from tapiary.services.fingerprint import fingerprint

        name = str(path.relative_to(self._services.config.repository_path))
        self._services.files.record(name, fingerprint(path))
        event = "merged" if capture.script_id is None else "merged_script"
        with self._services.database.session() as session:
            context.guard(session)
            file = session.scalars(select(File).where(File.name == name)).one()
            values: dict[str, Any] = {"file_id": file.id}
            begun = step(session, capture.id, event, message, **values)
            if begun is not None and capture.options.get("process", True):
                # The watch over the folder may have been quicker.
                job = session.get(Job, file.job_id) if file.job_id else None
                if job is None or job.state not in ALIVE:
                    job = self._services.queue.submit("process", {"file_id": file.id}, file.id, session=session)
                    file.job_id = job.id
                session.execute(update(Capture).where(Capture.id == capture.id).values(process_job_id=job.id))
        if begun is None:
            log.info("job %d was archived while it was merged", capture.id)
            with suppress(NotFound):  # whoever archived it may have been quicker
                self._services.files.delete(self._services.files.get(name, gone=True))

    def deliver(self, capture_id: int) -> None:
        """Copy the files of a capture that is done to its destination, where it has one."""
        from tapiary.services.captures.captures import file_slug

        with self._services.database.session(write=False) as session:
            capture = session.get(Capture, capture_id)
            place = session.get(Destination, capture.destination_id) if capture and capture.destination_id else None
        if capture is None or place is None or capture.status != DONE:
            return
        slug = f"{capture.id}-{file_slug(capture)}"
        try:
            folder = self._services.destinations.check(place.path)
            target = _copy(self._services.captures.input_of(capture_id), folder / f"{slug}.pcapng")
            if capture.result:
                target = _copy(self._services.config.captures_path / "results" / capture.result, folder / f"{slug}.zip")
        except (TapiaryError, OSError) as error:
            log.error("job %d: its files cannot be copied to %s: %s", capture_id, place.path, error)
            self._say(capture_id, f"The files could not be copied to {place.path}: {error}")
            return
        with self._services.database.session() as session:
            step(session, capture_id, "move", f"Files copied to {place.path}.", moved_to=str(target))

    def recover(self) -> None:
        """Take up captures whose job has ended without a word: the disk was full, or the worker died too often."""
        query = (
            select(Capture, Job).join(Job, Job.id == Capture.merge_job_id, isouter=True)
            .where(Capture.status == COLLECTING)
        )
        with self._services.database.session(write=False) as session:
            merging = list(session.execute(query).all())
            scripts = list(session.execute(
                select(Capture.id, Job.state, Job.error).join(Job, Job.id == Capture.script_job_id)
                .where(Capture.status == PROCESSING, Job.state.not_in(ALIVE))).all())
        for capture, job in merging:
            if job is not None and job.state in ALIVE:
                continue
            if job is not None and job.state == "failed":
                self._fail(capture.id, f"The files cannot be merged: {job.error}")
            elif self._services.hive.files.has_room(sum(self._services.hive.files.sizes(capture.id).values())):
                with self._services.database.session() as session:
                    arguments = {"capture_id": capture.id}
                    again = self._services.queue.submit("merge", arguments, priority=1, session=session)
                    session.execute(update(Capture).where(Capture.id == capture.id).values(merge_job_id=again.id))
        for capture_id, state, error in scripts:
            self._services.captures.script_ended(
                capture_id, False, error or f"The script's job was {state}.", "", cancelled=state == "cancelled")

    def _say(self, capture_id: int, message: str) -> None:
        with self._services.database.session() as session:
            session.execute(update(Capture).where(Capture.id == capture_id).values(status_msg=message))

    def _fail(self, capture_id: int, message: str) -> None:
        with self._services.database.session() as session:
            step(session, capture_id, "fail", message)


def _copy(source: Path, target: Path) -> Path:
    """Copy a file so that the target is whole or not there."""
    hidden = target.with_name(f".{target.name}.new")
    try:
        shutil.copyfile(source, hidden)
        with hidden.open("rb") as file:
            os.fsync(file.fileno())
        hidden.rename(target)
    finally:
        hidden.unlink(missing_ok=True)
    return target
