"""One round of the hive: what the database wants against what the drones report, and the orders that follow."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING

from sqlalchemy import select

from tapiary.capture import (
    ARCHIVED,
    DONE,
    FAILED,
    PAUSED,
    QUEUED,
    RESUMED,
    RUNNING,
    SLEEPING,
    STOPPED,
    UPLOADING,
    WAITING,
    WORKING,
    Job,
    JobOrder,
    StopJob,
    to_pause,
    to_start,
)
from tapiary.database import Capture, CaptureDrone, Drone
from tapiary.services.captures.steps import step
from tapiary.services.hive.driving import LEFT_OUT, Driver, Orders
from tapiary.services.hive.links import FINAL, Link
from tapiary.services.hive.parts import BLOCK_BYTES
from tapiary.telemetry import logger

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from tapiary.services.hive.hive import Hive

log = logger("hive")

#: Finished jobs that TCI's drone is told to forget when it comes back: more than can have ended since it was there.
MAX_REMINDERS = 10
#: A chunk of 933 kB may take this many times longer than other answers, and may be asked for so often in vain.
CHUNK_PATIENCE, MAX_ASKS = 3, 10


class Round:
    """Used once, with the hive's lock held. Orders are sent by the caller, after the transaction."""

    def __init__(self, hive: Hive) -> None:
        self._hive = hive
        self._now = time.time()
        self._answer_s = hive.services.config.capture.answer_s
        self._names: dict[int, str] = {}
        self._driver = Driver(hive, self._names)

    def run(self) -> Orders:
        """Do what is missing."""
        database = self._hive.services.database
        with database.session(write=False) as session:
            if not self._alive(session) and not self._driver.links:
                self._hive.said.clear()
                return []
        with database.session() as session:
            captures = self._alive(session)
            shares = _shares(session, [capture.id for capture in captures])
            open_shares = {(share.capture_id, share.drone_id) for mine in shares.values() for share in mine}
            for key in set(self._hive.said) - open_shares:  # of jobs that have ended, or that nobody ordered
                del self._hive.said[key]
            self._names.update({row[0]: row[1] for row in session.execute(select(Drone.id, Drone.name))})
            for capture in captures:
                mine = shares.get(capture.id, [])
                self._driver.hear(capture, mine)
                if capture.status in (RUNNING, STOPPED):
                    self._driver.running(session, capture, mine)
                if capture.status != QUEUED:
                    away = self._collect(capture, mine)
                    if capture.status == UPLOADING:
                        self._uploading(session, capture, mine, away)
            self._schedule(session, captures, shares)
            self._clean(session, captures, shares)
        return self._driver.orders

    @staticmethod
    def _alive(session: Session) -> list[Capture]:
        """Captures that need their drones, in the order of age."""
        states = (QUEUED, RUNNING, PAUSED, UPLOADING)
        wanted = Capture.status.in_(states) | ((Capture.status == STOPPED) & (Capture.intent == "stop"))
        return list(session.scalars(select(Capture).where(wanted).order_by(Capture.id)))

    # Captures whose files are on their way.

    def _collect(self, capture: Capture, shares: list[CaptureDrone]) -> list[str]:
        """Ask for the files of drones that have ended; returns the names of those that are away."""
        sizes = self._hive.files.sizes(capture.id)
        away = []
        for share in shares:
            if share.status in FINAL or not share.ended:
                continue
            link = self._driver.links.get(share.drone_id)
            received, total = sizes.get(share.drone_id, 0), max(share.captured_data, 1)
            if received:
                share.status = UPLOADING
                share.status_msg = f"Uploading data - [{min(99, received * 100 // total)}%]"
            if link is None:
                away.append(self._names.get(share.drone_id, str(share.drone_id)))
            elif not link.dialect and link.unanswered >= MAX_ASKS:
                share.status, share.status_msg = FAILED, "The drone has no file of this job, or does not send it."
            elif not link.dialect and self._hive.files.has_room(BLOCK_BYTES):
                self._ask(capture, link)
        return away

    def _uploading(self, session: Session, capture: Capture, shares: list[CaptureDrone], away: list[str]) -> None:
        if capture.reason == "finish":
            self._driver.leave_out(shares)
        if all(share.status in FINAL for share in shares):
            self._collected(session, capture, shares)
        elif not self._hive.files.has_room(BLOCK_BYTES):
            capture.status_msg = "The hive's disk is full: collecting goes on when there is room."
        elif away:
            capture.status_msg = f"Waiting for {', '.join(away)}, disconnected; stop the job again to finish without."
        else:
            capture.status_msg = "Collecting the drones' files."

    def _ask(self, capture: Capture, link: Link) -> None:
        asked = link.asked
        mine = asked is not None and asked[0] == capture.id
        if link.job is not None or (mine and asked and time.monotonic() - asked[2] < CHUNK_PATIENCE * self._answer_s):
            return
        self._driver.send(link, "get_chunk", capture.id, self._hive.chunks.ask(link, capture.id, again=mine))

    def _collected(self, session: Session, capture: Capture, shares: list[CaptureDrone]) -> None:
        session.flush()
        if not any(size for size in self._hive.files.sizes(capture.id).values()) or all(
            share.status == FAILED for share in shares
        ):
            step(session, capture.id, "fail", "No drone sent a file.", intent="")
            return
        job = self._hive.services.queue.submit("merge", {"capture_id": capture.id}, priority=1, session=session)
        step(session, capture.id, "collected", "Merging files.", intent="", merge_job_id=job.id)

    # The queue.

    def _schedule(self, session: Session, captures: list[Capture], shares: dict[int, list[CaptureDrone]]) -> None:
        waiting, running, busy = [], [], set()
        for capture in captures:
            drones = frozenset(share.drone_id for share in shares.get(capture.id, []))
            unfinished = {s.drone_id for s in shares.get(capture.id, []) if s.status not in FINAL}
            capturing = {s.drone_id for s in shares.get(capture.id, []) if s.drone_id in unfinished and not s.ended}
            if capture.status == QUEUED:
                waiting.append(Job(capture.id, capture.priority, drones))
            elif capture.status == PAUSED:
                busy |= unfinished - capturing
                if not capture.held:
                    waiting.append(Job(capture.id, min(RESUMED, capture.priority), frozenset(capturing)))
            else:
                busy |= unfinished
                if capture.status == RUNNING:
                    running.append(Job(capture.id, capture.priority, frozenset(capturing)))
        busy |= {i for i, link in self._driver.links.items() if link.said != SLEEPING or link.job is not None}
        by_id = {capture.id: capture for capture in captures}
        for job in to_pause(waiting, running, self._driver.links):
            capture = by_id[job.id]
            if not capture.intent:
                capture.intent, capture.reason = "pause", "critical"
                self._driver.running(session, capture, shares[capture.id])
        for job in to_start(waiting, self._driver.links, busy):
            self._let_run(session, by_id[job.id], shares[job.id])

    def _let_run(self, session: Session, capture: Capture, shares: list[CaptureDrone]) -> None:
        session.flush()
        left = max(1.0, capture.duration_s - capture.paused_elapsed_s)
        event = "start" if capture.status == QUEUED else "resume"
        begun = step(session, capture.id, event, "Job in progress.", intent="", reason="", running_since=self._now,
                     start_time=capture.start_time or self._now, end_time=self._now + left)
        if begun is None:
            return
        for share in shares:
            if share.ended or share.status in FINAL:
                continue
            share.status, share.status_msg = WAITING, "Just created."
            self._hive.said.pop((capture.id, share.drone_id), None)
            self._driver.start(begun, self._driver.links[share.drone_id])

    # What no capture wants any more.

    def _clean(self, session: Session, captures: list[Capture], shares: dict[int, list[CaptureDrone]]) -> None:
        if not self._driver.links:
            return
        wanted = {(c.id, s.drone_id) for c in captures for s in shares.get(c.id, []) if s.status not in FINAL}
        for drone_id, link in self._driver.links.items():
            if link.job is not None and (link.job.id, drone_id) not in wanted:
                self._driver.order(link, "stop_job", link.job.id, StopJob(job_id=link.job.id))
        gone = (
            select(CaptureDrone).join(Capture, Capture.id == CaptureDrone.capture_id)
            .where(Capture.status == ARCHIVED, CaptureDrone.status != ARCHIVED,
                   CaptureDrone.drone_id.in_(list(self._driver.links)))
        )
        for share in session.scalars(gone):
            link = self._driver.links[share.drone_id]
            if link.job is None or link.job.id != share.capture_id:
                self._driver.send(link, "delete_job", share.capture_id, JobOrder(job_id=share.capture_id))
                share.status, share.status_msg = ARCHIVED, "Archived."
        resting = (QUEUED, PAUSED)
        occupied = {
            s.drone_id for c in captures for s in shares.get(c.id, [])
            if (c.id, s.drone_id) in wanted and (s.ended or c.status not in resting)
        }
        for drone_id, link in self._driver.links.items():
            if not link.dialect and link.job is None and drone_id not in occupied:
                self._free(session, drone_id, link)

    def _free(self, session: Session, drone_id: int, link: Link) -> None:
        """TCI's drone keeps its file, and stays at work, until the last chunk is acknowledged.

        When that answer was lost, it has to be told: once a connection, and again while it does not fall asleep.
        """
        every_s = self._answer_s if link.said == WORKING and link.idle_s() > self._answer_s else math.inf
        latest = session.scalars(
            select(CaptureDrone.capture_id)
            .where(CaptureDrone.drone_id == drone_id,
                   CaptureDrone.status.in_((DONE, ARCHIVED)) | (CaptureDrone.status_msg == LEFT_OUT))
            .order_by(CaptureDrone.capture_id.desc()).limit(MAX_REMINDERS)
        )
        for capture_id in latest:
            if link.due("delete_job", capture_id, every_s):
                self._driver.send(link, "delete_job", capture_id, JobOrder(job_id=capture_id))


def _shares(session: Session, capture_ids: Iterable[int]) -> dict[int, list[CaptureDrone]]:
    found: dict[int, list[CaptureDrone]] = {}
    query = select(CaptureDrone).where(CaptureDrone.capture_id.in_(list(capture_ids))).order_by(CaptureDrone.drone_id)
    for share in session.scalars(query):
        found.setdefault(share.capture_id, []).append(share)
    return found
