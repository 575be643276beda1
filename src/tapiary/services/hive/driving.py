"""Bringing the drones of one running capture to what the capture wants: begin, go on, pause, stop."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING, Any

import msgspec

from tapiary.capture import (
    CAPTURED,
    COLLECTING,
    DONE,
    FAILED,
    PAUSED,
    RUNNING,
    SLEEPING,
    STOPPED,
    UNKNOWN,
    WAITING,
    DroneOptions,
    JobOrder,
    Options,
    StartJob,
    StopJob,
    job_state,
)
from tapiary.database import Capture, CaptureDrone
from tapiary.services.captures.steps import step
from tapiary.services.hive.links import FINAL, Link

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from tapiary.services.hive.hive import Hive

#: Drones end a capture by themselves when its time is over; the hive says so only this much later.
GRACE_S = 1.0
#: A drone that reports no job for this long, though it had one, has ended it unheard.
IDLE_S = 3.0
#: Times that a job is offered to a drone that does not take it.
MAX_STARTS = 3

#: Said of a share that a user did not want to wait for.
LEFT_OUT = "Left out, as a user wished."

Orders = list[tuple[Link, str, Any]]


class Driver:
    """Used for one round. `names` are those of the drones; `orders` are sent after the round's transaction."""

    def __init__(self, hive: Hive, names: dict[int, str]) -> None:
        self._hive = hive
        self._names = names
        self._now = time.time()
        self._answer_s = hive.services.config.capture.answer_s
        #: Drones that have said something on their present connection.
        self.links = {i: link for i, link in hive.links.items() if link.said is not None}
        self.orders: Orders = []

    def send(self, link: Link, event: str, capture_id: int, message: Any) -> None:
        """Order something."""
        link.note(event, capture_id)
        self.orders.append((link, event, message))

    # What was reported.

    def hear(self, capture: Capture, shares: list[CaptureDrone]) -> None:
        """Enter what the drones said of a capture."""
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

    def elapsed(self, capture: Capture) -> float:
        """Seconds that it has captured, pauses left out."""
        since = capture.running_since
        return capture.paused_elapsed_s + (max(0.0, self._now - since) if since is not None else 0.0)

    def running(self, session: Session, capture: Capture, shares: list[CaptureDrone]) -> None:
        """Watch the limits, tell the drones, and take the step that follows."""
        if not capture.intent:
            if sum(share.captured_data for share in shares) >= capture.max_bytes:
                capture.intent, capture.reason = "stop", "size"
            elif self.elapsed(capture) >= capture.duration_s + GRACE_S:
                capture.intent, capture.reason = "stop", "time"
        away = [share for share in shares if not share.ended and share.drone_id not in self._hive.links]
        if capture.reason == "finish":
            self.leave_out(away)
        if capture.status == STOPPED and away:
            names = ", ".join(self._names.get(share.drone_id, str(share.drone_id)) for share in away)
            capture.status_msg = f"Waiting for {names}, disconnected; stop the job again to finish without."
        for share in shares:
            link = self.links.get(share.drone_id)
            if link is not None and not share.ended and share.status not in FINAL:
                self._drive(capture, share, link)
        if all(share.ended or share.status in FINAL for share in shares):
            self._ended(session, capture, shares)
        elif capture.intent == "pause" and all(s.ended or s.status in (*FINAL, PAUSED) for s in shares):
            left = max(0, capture.max_bytes - sum(share.captured_data for share in shares))
            why = "a user" if capture.held else "a critical job"
            session.flush()
            step(session, capture.id, "pause", f"Paused by {why}.", intent="", running_since=None,
                 paused_elapsed_s=self.elapsed(capture), paused_left_bytes=left)

    def leave_out(self, shares: list[CaptureDrone]) -> None:
        """Expect nothing more of those of the drones that have been away for long."""
        for share in shares:
            if self._hive.is_gone(share.drone_id) and share.status not in FINAL:
                share.status, share.status_msg, share.ended = FAILED, LEFT_OUT, True

    def _drive(self, capture: Capture, share: CaptureDrone, link: Link) -> None:
        """Bring one drone to what the capture wants of it."""
        has_it = link.job is not None and link.job.id == capture.id
        if capture.intent == "pause" and share.status == PAUSED:
            return
        if not has_it and (share.status == WAITING or (share.status == PAUSED and not capture.intent)):
            self._begin(capture, share, link)
        elif share.status == PAUSED and capture.intent:  # and to be stopped
            if link.dialect:
                self.order(link, "stop_job", capture.id, StopJob(job_id=capture.id))
            elif link.due("start_job", capture.id, self._answer_s) and link.job is None:
                # TCI's drone hands out the parts of a paused job only after it has gone on for a moment.
                self.send(link, "start_job", capture.id, self._start_message(capture, link, 1))
        elif not has_it and link.idle_s() > IDLE_S:
            share.status, share.status_msg, share.ended = CAPTURED, "Ended while the drone was away.", True
        elif capture.intent == "stop":
            self.order(link, "stop_job", capture.id, StopJob(job_id=capture.id))
        elif capture.intent == "pause":
            self.order(link, "pause_job", capture.id, JobOrder(job_id=capture.id))

    def _begin(self, capture: Capture, share: CaptureDrone, link: Link) -> None:
        """A drone has not taken the job yet, or has not said so."""
        if capture.intent:
            if link.dialect and capture.intent == "stop":
                self.order(link, "stop_job", capture.id, StopJob(job_id=capture.id))
            if link.idle_s() <= IDLE_S:
                return
            if not link.dialect or share.captured_data:  # it may have a file all the same
                share.status, share.status_msg, share.ended = CAPTURED, "Ended while the drone was away.", True
            else:
                share.status, share.status_msg, share.ended = DONE, "Nothing was captured.", True
        elif link.said == SLEEPING and link.due("start_job", capture.id, self._answer_s):
            if link.starts.get(capture.id, 0) >= MAX_STARTS and share.captured_data:
                share.status, share.status_msg, share.ended = CAPTURED, "The drone does not go on with the job.", True
            elif link.starts.get(capture.id, 0) >= MAX_STARTS:
                share.status, share.status_msg, share.ended = FAILED, "The drone does not take the job.", True
            else:
                self.start(capture, link)

    def order(self, link: Link, event: str, capture_id: int, message: Any) -> None:
        """Order something, unless that was done a moment ago."""
        if link.due(event, capture_id, self._answer_s):
            self.send(link, event, capture_id, message)

    def _ended(self, session: Session, capture: Capture, shares: list[CaptureDrone]) -> None:
        session.flush()
        if all(share.status == FAILED for share in shares):
            words = "; ".join(f"{self._names.get(s.drone_id, s.drone_id)}: {s.status_msg}" for s in shares)
            step(session, capture.id, "fail", words, intent="", running_since=None)
        else:
            step(session, capture.id, "ended", "Collecting the drones' files.", intent="", running_since=None,
                 end_time=self._now)
        session.refresh(capture)

    def start(self, capture: Capture, link: Link) -> None:
        """Order a drone to begin, or to go on."""
        left = math.ceil(max(1.0, capture.duration_s - self.elapsed(capture)))
        link.starts[capture.id] = link.starts.get(capture.id, 0) + 1
        self.send(link, "start_job", capture.id, self._start_message(capture, link, left))

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
