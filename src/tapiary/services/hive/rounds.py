"""One round of the hive: what the database wants against what the drones report, and the orders that follow."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import msgspec
from sqlalchemy import select

from tapiary.capture import (
    ARCHIVED,
    CAPTURED,
    COLLECTING,
    DONE,
    FAILED,
    PAUSED,
    QUEUED,
    RESUMED,
    RUNNING,
    SLEEPING,
    STOPPED,
    UNKNOWN,
    UPLOADING,
    WAITING,
    WORKING,
    DroneOptions,
    Job,
    JobOrder,
    Options,
    StartJob,
    StopJob,
    job_state,
    to_pause,
    to_start,
)
from tapiary.database import Capture, CaptureDrone, Drone
from tapiary.services.captures.steps import step
from tapiary.services.hive.links import Link
from tapiary.telemetry import logger

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from tapiary.services.hive.hive import Hive

log = logger("hive")

#: Drones end a capture by themselves when its time is over; the hive says so only this much later.
GRACE_S = 1.0
#: A drone that reports no job for this long, though it had one, has ended it unheard.
IDLE_S = 3.0
#: Times that a job is offered to a drone that does not take it.
MAX_STARTS = 3
#: States of a share that nothing is waited for in.
FINAL = (DONE, FAILED, ARCHIVED)

Orders = list[tuple[Link, str, Any]]


class Round:
    """Used once, with the hive's lock held. Orders are sent by the caller, after the transaction."""

    def __init__(self, hive: Hive) -> None:
        self._hive = hive
        self._links = {i: link for i, link in hive.links.items() if link.said is not None}
        self._now = time.time()
        self._answer_s = hive.services.config.capture.answer_s
        self._orders: Orders = []
        self._names: dict[int, str] = {}

    def run(self) -> Orders:
        """Do what is missing."""
        database = self._hive.services.database
        with database.session(write=False) as session:
            if not self._alive(session) and not self._links:
                return []
        with database.session() as session:
            captures = self._alive(session)
            shares = _shares(session, [capture.id for capture in captures])
            self._names = dict(session.execute(select(Drone.id, Drone.name)).tuples())
            for capture in captures:
                mine = shares.get(capture.id, [])
                self._hear(capture, mine)
                if capture.status in (RUNNING, STOPPED):
                    self._running(session, capture, mine)
                if capture.status == UPLOADING:
                    self._uploading(session, capture, mine)
            self._schedule(session, captures, shares)
            self._clean(session, captures, shares)
        return self._orders

    @staticmethod
    def _alive(session: Session) -> list[Capture]:
        """Captures that need their drones, in the order of age."""
        states = (QUEUED, RUNNING, PAUSED, UPLOADING)
        wanted = Capture.status.in_(states) | ((Capture.status == STOPPED) & (Capture.intent == "stop"))
        return list(session.scalars(select(Capture).where(wanted).order_by(Capture.id)))

    def _send(self, link: Link, event: str, capture_id: int, message: Any) -> None:
        link.note(event, capture_id)
        self._orders.append((link, event, message))

    # What was reported.

    def _hear(self, capture: Capture, shares: list[CaptureDrone]) -> None:
        for share in shares:
            said = self._hive.said.get((capture.id, share.drone_id))
            if said is None or share.status in FINAL:
                continue
            share.captured_data = max(share.captured_data, said.captured)
            share.packets = said.packets if said.packets is not None else share.packets
            share.dropped = said.dropped if said.dropped is not None else share.dropped
            word = job_state(said.status)
            if share.ended or word in (UNKNOWN, share.status):
                if not share.ended and said.status_msg:
                    share.status_msg = said.status_msg
                continue
            if word in (WAITING, RUNNING, COLLECTING, PAUSED, CAPTURED, STOPPED, FAILED):
                share.status, share.status_msg = word, said.status_msg or word
                share.ended = word in (CAPTURED, STOPPED, FAILED)

    # Captures that run.

    def _elapsed(self, capture: Capture) -> float:
        since = capture.running_since
        return capture.paused_elapsed_s + (max(0.0, self._now - since) if since is not None else 0.0)

    def _running(self, session: Session, capture: Capture, shares: list[CaptureDrone]) -> None:
        if not capture.intent:
            if sum(share.captured_data for share in shares) >= capture.max_bytes:
                capture.intent, capture.reason = "stop", "size"
            elif self._elapsed(capture) >= capture.duration_s + GRACE_S:
                capture.intent, capture.reason = "stop", "time"
        for share in shares:
            link = self._links.get(share.drone_id)
            if link is not None and not share.ended and share.status not in FINAL:
                self._drive(capture, share, link)
        if all(share.ended or share.status in FINAL for share in shares):
            self._ended(session, capture, shares)
        elif capture.intent == "pause" and all(s.ended or s.status in (*FINAL, PAUSED) for s in shares):
            left = max(0, capture.max_bytes - sum(share.captured_data for share in shares))
            why = "a user" if capture.held else "a critical job"
            session.flush()
            step(session, capture.id, "pause", f"Paused by {why}.", intent="", running_since=None,
                 paused_elapsed_s=self._elapsed(capture), paused_left_bytes=left)

    def _drive(self, capture: Capture, share: CaptureDrone, link: Link) -> None:
        """Bring one drone to what the capture wants of it."""
        has_it = link.job is not None and link.job.id == capture.id
        if capture.intent == "pause" and share.status == PAUSED:
            return
        if share.status == WAITING and not has_it:
            self._begin(capture, share, link)
        elif share.status == PAUSED:  # and to be stopped
            if link.dialect:
                self._order(link, "stop_job", capture.id, StopJob(job_id=capture.id))
            elif link.due("start_job", capture.id, self._answer_s) and link.job is None:
                # TCI's drone hands out the parts of a paused job only after it has gone on for a moment.
                self._send(link, "start_job", capture.id, self._start_message(capture, link, 1))
        elif not has_it and link.idle_s() > IDLE_S:
            share.status, share.status_msg, share.ended = CAPTURED, "Ended while the drone was away.", True
        elif capture.intent == "stop":
            self._order(link, "stop_job", capture.id, StopJob(job_id=capture.id))
        elif capture.intent == "pause":
            self._order(link, "pause_job", capture.id, JobOrder(job_id=capture.id))

    def _begin(self, capture: Capture, share: CaptureDrone, link: Link) -> None:
        """A drone has not taken the job yet."""
        recently = not link.due("start_job", capture.id, IDLE_S)
        if capture.intent:
            if not recently and link.job is None:
                share.status, share.status_msg, share.ended = DONE, "Nothing was captured.", True
        elif link.said == SLEEPING and link.due("start_job", capture.id, self._answer_s):
            if link.starts.get(capture.id, 0) >= MAX_STARTS:
                share.status, share.status_msg, share.ended = FAILED, "The drone does not take the job.", True
            else:
                self._start(capture, link)

    def _order(self, link: Link, event: str, capture_id: int, message: Any) -> None:
        if link.due(event, capture_id, self._answer_s):
            self._send(link, event, capture_id, message)

    def _ended(self, session: Session, capture: Capture, shares: list[CaptureDrone]) -> None:
        session.flush()
        if all(share.status == FAILED for share in shares):
            words = "; ".join(f"{self._names.get(s.drone_id, s.drone_id)}: {s.status_msg}" for s in shares)
            step(session, capture.id, "fail", words, intent="", running_since=None)
        else:
            step(session, capture.id, "ended", "Collecting the drones' files.", intent="", running_since=None,
                 end_time=self._now)
        session.refresh(capture)

    # Captures whose files are on their way.

    def _uploading(self, session: Session, capture: Capture, shares: list[CaptureDrone]) -> None:
        sizes = self._hive.files.sizes(capture.id)
        room = self._hive.files.has_room()
        waiting_for = []
        for share in shares:
            if share.status in FINAL:
                continue
            link = self._links.get(share.drone_id)
            if capture.intent == "finish":
                share.status, share.status_msg = FAILED, "Left out, as a user wished."
                continue
            received, total = sizes.get(share.drone_id, 0), max(share.captured_data, 1)
            share.status = UPLOADING
            share.status_msg = f"Uploading data - [{min(99, received * 100 // total)}%]"
            if link is None:
                waiting_for.append(self._names.get(share.drone_id, str(share.drone_id)))
            elif not link.dialect and room:
                self._ask(capture, link)
        if all(share.status in FINAL for share in shares):
            self._collected(session, capture, shares)
            return
        capture.status_msg = "Collecting the drones' files."
        if not room:
            capture.status_msg = "The hive's disk is full: collecting goes on when there is room."
        elif waiting_for:
            capture.status_msg = (
                f"Waiting for {', '.join(waiting_for)}, disconnected; stop the job again to finish without."
            )

    def _ask(self, capture: Capture, link: Link) -> None:
        asked = link.asked
        mine = asked is not None and asked[0] == capture.id
        if link.job is not None or (mine and asked and time.monotonic() - asked[2] < self._answer_s):
            return
        self._send(link, "get_chunk", capture.id, self._hive.chunks.ask(link, capture.id, again=mine))

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
            if capture.status == QUEUED:
                waiting.append(Job(capture.id, capture.priority, drones))
            elif capture.status == PAUSED:
                if not capture.held:
                    waiting.append(Job(capture.id, min(RESUMED, capture.priority), frozenset(unfinished)))
            else:
                busy |= unfinished
                if capture.status == RUNNING:
                    running.append(Job(capture.id, capture.priority, frozenset(unfinished)))
        busy |= {i for i, link in self._links.items() if link.said != SLEEPING or link.job is not None}
        by_id = {capture.id: capture for capture in captures}
        for job in to_pause(waiting, running, self._links):
            capture = by_id[job.id]
            if not capture.intent:
                capture.intent, capture.reason = "pause", "critical"
                self._running(session, capture, shares[capture.id])
        for job in to_start(waiting, self._links, busy):
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
            self._start(begun, self._links[share.drone_id])

    def _start(self, capture: Capture, link: Link) -> None:
        left = math.ceil(max(1.0, capture.duration_s - self._elapsed(capture)))
        link.starts[capture.id] = link.starts.get(capture.id, 0) + 1
        self._send(link, "start_job", capture.id, self._start_message(capture, link, left))

    def _start_message(self, capture: Capture, link: Link, duration_s: int) -> StartJob:
        message = StartJob(job_id=capture.id, filter=capture.filter, duration=duration_s,
                           max_capture_data=capture.max_bytes, priority=capture.priority)
        if capture.ndp_trim_bytes:
            message.ndp_trim_bytes = capture.ndp_trim_bytes
        if capture.ndp_capture_all:
            message.ndp_capture_all = True
        if link.dialect:
            options = msgspec.convert(capture.options, Options)
            name = self._names.get(link.drone_id, "")
            message.options = DroneOptions(
                interfaces=options.interfaces.get(name, []), snaplen=options.snaplen, ring_bytes=options.ring_bytes,
                ring_seconds=options.ring_seconds, live=options.live and options.process)
        return message

    # What no capture wants any more.

    def _clean(self, session: Session, captures: list[Capture], shares: dict[int, list[CaptureDrone]]) -> None:
        if not self._links:
            return
        wanted = {(c.id, s.drone_id) for c in captures for s in shares.get(c.id, []) if s.status not in FINAL}
        for drone_id, link in self._links.items():
            if link.job is not None and (link.job.id, drone_id) not in wanted:
                self._order(link, "stop_job", link.job.id, StopJob(job_id=link.job.id))
        gone = (
            select(CaptureDrone).join(Capture, Capture.id == CaptureDrone.capture_id)
            .where(Capture.status == ARCHIVED, CaptureDrone.status != ARCHIVED,
                   CaptureDrone.drone_id.in_(list(self._links)))
        )
        for share in session.scalars(gone):
            link = self._links[share.drone_id]
            if link.job is None or link.job.id != share.capture_id:
                self._send(link, "delete_job", share.capture_id, JobOrder(job_id=share.capture_id))
                share.status, share.status_msg = ARCHIVED, "Archived."
        occupied = {drone_id for _, drone_id in wanted}
        for drone_id, link in self._links.items():
            stuck = not link.dialect and link.said == WORKING and link.idle_s() > self._answer_s
            if stuck and drone_id not in occupied:
                self._free(session, drone_id, link)

    def _free(self, session: Session, drone_id: int, link: Link) -> None:
        """TCI's drone stays at work until its file is acknowledged; when that was lost, it is told to forget it."""
        latest = session.scalar(
            select(CaptureDrone.capture_id)
            .where(CaptureDrone.drone_id == drone_id, CaptureDrone.status.in_(FINAL))
            .order_by(CaptureDrone.capture_id.desc()).limit(1)
        )
        if latest is not None:
            self._order(link, "delete_job", latest, JobOrder(job_id=latest))


def _shares(session: Session, capture_ids: Iterable[int]) -> dict[int, list[CaptureDrone]]:
    found: dict[int, list[CaptureDrone]] = {}
    query = select(CaptureDrone).where(CaptureDrone.capture_id.in_(list(capture_ids))).order_by(CaptureDrone.drone_id)
    for share in session.scalars(query):
        found.setdefault(share.capture_id, []).append(share)
    return found
