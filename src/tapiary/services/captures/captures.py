"""What users do with capture jobs."""

from __future__ import annotations

import re
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, select, update

from tapiary.accounts import Actor, Permission
from tapiary.capture import ALIVE, ARCHIVED, DONE, MOVED, PAUSED, PROCESSING, RUNNING, STOPPED, UPLOADING
from tapiary.database import Capture, CaptureDrone, Drone, User
from tapiary.errors import Conflict, Forbidden, InvalidInput, NotFound, TapiaryError
from tapiary.services.captures import rows
from tapiary.services.captures.links import Links
from tapiary.services.captures.merging import Merging
from tapiary.services.captures.ordering import Ordering
from tapiary.services.captures.steps import step
from tapiary.services.captures.views import CaptureView, Deliverable, Order
from tapiary.telemetry import logger

if TYPE_CHECKING:
    from pathlib import Path

    from sqlalchemy.orm import Session

    from tapiary.services import Services

log = logger("captures")
Views = list[CaptureView]

#: Pause between two looks at a script that is waited for.
LOOK_S = 0.1


#: A capture of which nothing has been metered yet.
NOTHING: dict[str, Any] = {
    "packets": 0, "bytes": 0, "flows": 0, "skipped_bytes": 0, "labels": {}, "changed": [], "drones": [], "at": None,
}


class Captures:
    """Capture jobs, from order to archive. Methods take who asks, and raise Forbidden and NotFound."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._ordering = Ordering(services)
        self._links = Links(services)
        self.merging = Merging(services)

    # Looking.

    def list(self, actor: Actor) -> Views:
        """The actor's captures that are not archived; with JOB_MASTER also those of owners of no higher rank."""
        query = select(Capture).join(User, User.id == Capture.owner_id).where(Capture.status != ARCHIVED)
        return self._visible(actor, query.order_by(Capture.id))

    def history(self, actor: Actor) -> Views:
        """The archived captures, seen by the same rule."""
        query = select(Capture).join(User, User.id == Capture.owner_id).where(Capture.status == ARCHIVED)
        return self._visible(actor, query.order_by(Capture.id))

    def _visible(self, actor: Actor, query: Any) -> Views:
        if actor.has(Permission.JOB_MASTER):
            query = query.where((User.level >= actor.level) | (User.id == actor.user_id))
        else:
            query = query.where(User.id == actor.user_id)
        with self._services.database.session(write=False) as session:
            return rows.views(session, session.scalars(query).all(), self._services.hive.files)

    def get(self, actor: Actor, capture_id: int) -> CaptureView:
        """One capture."""
        with self._services.database.session(write=False) as session:
            capture = self._accessible(session, actor, capture_id)
            return rows.views(session, [capture], self._services.hive.files)[0]

    def live(self, actor: Actor, capture_id: int) -> dict[str, Any]:
        """What is known of the flows by now: the drones' totals while it captures, the final ones afterwards.

        packets, bytes, flows, labels ({label: {flows, packets, bytes}}, most flows first), changed (latest flows),
        drones (each one's totals), at (Unix seconds), final.
        """
        view = self.get(actor, capture_id)
        final = self._final(view)
        if final is not None:
            self._services.hive.board.forget(capture_id)
            return final
        with self._services.database.session(write=False) as session:
            names = {row[0]: row[1] for row in session.execute(select(Drone.id, Drone.name))}
        return {**NOTHING, **(self._services.hive.board.get(capture_id, names) or {}), "final": False}

    def _final(self, view: CaptureView) -> dict[str, Any] | None:
        if view.processing is None or view.processing.state != "finished":
            return None
        from tapiary.services.captures.totals import totals

        return {**NOTHING, **totals(self._services, view.processing.job_id), "final": True}

    # Ordering and steering.

    def examine(self, actor: Actor, order: Order) -> None:
        """Check an order without ordering. Raises InvalidInput (field), Forbidden."""
        self._ordering.examine(actor, order)

    def create(self, actor: Actor, order: Order, *, alert_id: int | None = None) -> CaptureView:
        """Order a capture; it begins at once when its drones are free. Raises InvalidInput (field), Forbidden.

        `alert_id`: the alert that orders it, which names the capture from the moment that there is one.
        """
        capture_id = self._ordering.enter(actor, order, alert_id)
        try:
            self._services.hive.round()
        except Exception:  # the job is ordered: the next round begins it
            log.exception("job %d: the round after its order failed", capture_id)
            self._services.hive.wake()
        return self.get(actor, capture_id)

    def stop(self, actor: Actor, capture_id: int) -> CaptureView:
        """End capturing; what was captured is collected. Once more: do not wait for drones that are away."""
        with self._services.database.session() as session:
            capture = self._accessible(session, actor, capture_id)
            if capture.status == UPLOADING or (capture.status == STOPPED and capture.intent):
                capture.reason = "finish"
            elif capture.status in (RUNNING, PAUSED):
                step(session, capture_id, "stop", "Stopped by user.", intent="stop", reason="user")
            elif step(session, capture_id, "stop", "Stopped before it began.", end_time=time.time()) is None:
                raise self._refusal(capture, "stopped")
            self._audit(session, actor, "capture.stop", capture_id)
        self._services.hive.wake()
        return self.get(actor, capture_id)

    def pause(self, actor: Actor, capture_id: int) -> CaptureView:
        """Let its drones rest until `resume`; what was captured is kept there."""
        with self._services.database.session() as session:
            capture = self._accessible(session, actor, capture_id)
            if capture.status == PAUSED:
                capture.held = True
            elif capture.status == RUNNING and capture.intent in ("", "pause"):
                capture.intent, capture.reason, capture.held = "pause", "user", True
            else:
                raise self._refusal(capture, "paused")
            self._audit(session, actor, "capture.pause", capture_id)
        self._services.hive.wake()
        return self.get(actor, capture_id)

    def resume(self, actor: Actor, capture_id: int) -> CaptureView:
        """Go on with a paused capture as soon as its drones are free."""
        with self._services.database.session() as session:
            capture = self._accessible(session, actor, capture_id)
            if capture.status != PAUSED:
                raise self._refusal(capture, "resumed")
            capture.held, capture.status_msg = False, "Waiting for its turn to go on."
            self._audit(session, actor, "capture.resume", capture_id)
        self._services.hive.wake()
        return self.get(actor, capture_id)

    # Scripts.

    def process(self, actor: Actor, capture_id: int, *, wait_s: float = 0.0) -> CaptureView:
        """Run the capture's script; waits at most so long for its end."""
        with self._services.database.session() as session:
            capture = self._accessible(session, actor, capture_id)
            if capture.file_id is None:
                raise InvalidInput("the job has no capture file", code="no_capture_file")
            if capture.script_id is None:
                if capture.status not in (DONE, MOVED):
                    raise self._refusal(capture, "processed")
                return rows.views(session, [capture], self._services.hive.files)[0]
            if step(session, capture_id, "script", "The script waits for its turn.") is None:
                raise self._refusal(capture, "processed")
            job = self._services.queue.submit("script", {"capture_id": capture_id}, session=session)
            session.flush()
            session.execute(update(Capture).where(Capture.id == capture_id).values(script_job_id=job.id))
            self._audit(session, actor, "capture.process", capture_id)
        end = time.monotonic() + wait_s
        view = self.get(actor, capture_id)
        while view.status == PROCESSING and time.monotonic() < end:
            time.sleep(LOOK_S)
            view = self.get(actor, capture_id)
        return view

    def cancel_script(self, actor: Actor, capture_id: int) -> CaptureView:
        """Stop the running script; the capture stays as it was."""
        with self._services.database.session() as session:
            capture = self._accessible(session, actor, capture_id)
            if capture.status != PROCESSING or capture.script_job_id is None:
                raise Conflict(f"job {capture_id} runs no script", code="no_script_running")
            self._audit(session, actor, "capture.cancel_script", capture_id)
        job = self._services.queue.cancel(capture.script_job_id)
        if job.state == "cancelled":  # it had not begun, so nobody else says so
            self.script_ended(capture_id, False, "Cancelled before it began.", "", cancelled=True)
        return self.get(actor, capture_id)

    def input_of(self, capture_id: int) -> Path:
        """The capture file that a script works on. Raises NotFound."""
        file_id = self._file_id(capture_id)
        return self._services.files.path(self._services.files.by_id(file_id))

    def script_ended(
        self, capture_id: int, ok: bool, message: str, result: str, *, cancelled: bool = False
    ) -> None:
        """A script has ended: with a zip of that name in the folder of results, or with the message why not."""
        event = "script_cancelled" if cancelled else "script_done" if ok else "script_failed"
        values = {"result": result} if ok else {}
        with self._services.database.session() as session:
            step(session, capture_id, event, message, **values)
        if ok:
            self.merging.deliver(capture_id)

    # Files.

    def file(self, actor: Actor, capture_id: int) -> Deliverable:
        """What there is to download: the script's zip, else the capture itself."""
        with self._services.database.session(write=False) as session:
            self._accessible(session, actor, capture_id)
        return self._deliverable(capture_id)

    def link(self, actor: Actor, capture_id: int) -> str:
        """A token that opens the capture's file to everybody for `capture.link_s` seconds."""
        with self._services.database.session(write=False) as session:
            self._accessible(session, actor, capture_id)
        return self._links.make(capture_id)

    def by_link(self, token: str) -> Deliverable:
        """The file that a token opens. Raises InvalidInput for a token that is wrong or too old."""
        return self._deliverable(self._links.read(token))

    def _deliverable(self, capture_id: int) -> Deliverable:
        with self._services.database.session(write=False) as session:
            capture = session.get(Capture, capture_id)
        if capture is None or capture.status == ARCHIVED:
            raise NotFound(f"there is no file of job {capture_id}", field="id")
        slug = file_slug(capture)
        if capture.result:
            path = self._services.config.captures_path / "results" / capture.result
            if path.is_file():
                return Deliverable(path, f"{slug}.zip", "application/zip")
        path = self.input_of(capture_id)
        return Deliverable(path, f"{slug}.pcapng", "application/x-pcapng")

    def _file_id(self, capture_id: int) -> int:
        with self._services.database.session(write=False) as session:
            capture = session.get(Capture, capture_id)
        if capture is None or capture.file_id is None:
            raise NotFound(f"job {capture_id} has no capture file yet", field="id", code="no_capture_file")
        return capture.file_id

    # Ends.

    def archive(self, actor: Actor, capture_id: int) -> None:
        """Delete the capture's files and flows, here and at its drones; it stays in the history."""
        with self._services.database.session() as session:
            capture = self._accessible(session, actor, capture_id)
            file_id, job_ids = capture.file_id, (capture.merge_job_id, capture.script_job_id)
            begun = capture.start_time is not None
            if step(session, capture_id, "archive", "Archived.", archived_at=time.time(), result="", intent="") is None:
                raise self._refusal(capture, "archived")
            if not begun:  # no drone knows of it
                shares = update(CaptureDrone).where(CaptureDrone.capture_id == capture_id)
                session.execute(shares.values(status=ARCHIVED, status_msg="Archived."))
            self._audit(session, actor, "capture.archive", capture_id)
        for job_id in job_ids:
            if job_id is not None:
                self._services.queue.cancel(job_id)
        self._remove_files(capture_id, file_id)
        self._services.hive.wake()

    def _remove_files(self, capture_id: int, file_id: int | None) -> None:
        self._services.hive.board.forget(capture_id)
        self._services.hive.files.remove(capture_id)
        (self._services.config.captures_path / "results" / f"{capture_id}.zip").unlink(missing_ok=True)
        if file_id is not None:
            with suppress(NotFound):
                self._services.files.delete(self._services.files.by_id(file_id))

    def forget(self, actor: Actor, capture_id: int) -> None:
        """Remove an archived capture from the history."""
        with self._services.database.session() as session:
            capture = self._accessible(session, actor, capture_id)
            if capture.status != ARCHIVED:
                raise Conflict(f"job {capture_id} is not archived", code="not_archived")
        # Whose a file is, is known by the capture alone: what a crash left of it goes first.
        self._remove_files(capture_id, capture.file_id)
        with self._services.database.session() as session:
            session.execute(delete(Capture).where(Capture.id == capture_id))
            self._audit(session, actor, "capture.forget", capture_id)

    def withheld(self) -> set[int]:
        """The files that the watch over the repository leaves alone: being merged, or not to be processed."""
        query = select(Capture.file_id, Capture.status, Capture.options).where(Capture.file_id.is_not(None))
        with self._services.database.session(write=False) as session:
            return {
                file_id for file_id, status, options in session.execute(query)
                if status in (*ALIVE, "Collecting data") or options.get("process") is False
            }

    def recover(self) -> None:
        """After a crash: captures whose merging or script has ended without saying so."""
        self.merging.recover()

    # Helpers.

    def _accessible(self, session: Session, actor: Actor, capture_id: int) -> Capture:
        row = session.execute(
            select(Capture, User.level).join(User, User.id == Capture.owner_id).where(Capture.id == capture_id)
        ).first()
        if row is None:
            raise NotFound(f"there is no job {capture_id}", field="id")
        capture: Capture = row[0]
        if not actor.may_access(capture.owner_id, row[1]):
            raise Forbidden(f"job {capture_id} belongs to another user")
        return capture

    @staticmethod
    def _refusal(capture: Capture, verb: str) -> TapiaryError:
        return Conflict(f"job {capture.id} cannot be {verb}: it is {capture.status!r}", code="wrong_status")

    def _audit(self, session: Session, actor: Actor, action: str, capture_id: int) -> None:
        self._services.accounts.audit.write(actor, action, str(capture_id), session=session)


def file_slug(capture: Capture) -> str:
    """A capture's name as part of a file name: letters, digits and a few signs, never empty."""
    text = re.sub(r"[^A-Za-z0-9._-]+", "_", capture.name).strip("._")
    return text[:80] or f"job-{capture.id}"

