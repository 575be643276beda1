"""Files of drones of ours: parts that come over HTTP, and the check that they are what the drone has."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, BinaryIO

from sqlalchemy import select

from tapiary.capture import ALIVE, ARCHIVED, DONE, FAILED, Completion
from tapiary.database import Capture, CaptureDrone, CapturePart
from tapiary.errors import Conflict, InvalidInput, NotFound
from tapiary.services.hive.parts import interface_name
from tapiary.telemetry import counter

if TYPE_CHECKING:
    from tapiary.services.hive.hive import Hive

#: A part may be larger than the job's limit by this much: what comes while a drone notices that the limit is reached.
SLACK_BYTES = 1 << 30


#: Segments of one drone and capture, at most.
MAX_NUMBER = (1 << 31) - 1
#: How captures end in the ordinary way, in the words of both kinds of drones; any other end stays to be read.
USUAL = (
    "", "Just Created.", "Capturing.", "Max capture time reached.", "Max capture data reached.", "Stopped by user.",
)


class Intake:
    """Takes parts; see the methods of the same names of `Hive`."""

    def __init__(self, hive: Hive) -> None:
        self._hive = hive

    def parts(self, drone_id: int, capture_id: int) -> list[dict[str, Any]]:
        """The parts of a capture that have come from a drone. Raises NotFound."""
        self._check_open(drone_id, capture_id)
        with self._hive.services.database.session(write=False) as session:
            rows = session.scalars(select(CapturePart).where(
                CapturePart.capture_id == capture_id, CapturePart.drone_id == drone_id).order_by(CapturePart.number))
            return [{"number": row.number, "interface": row.interface, "complete": row.complete,
                     "received": self._hive.files.size(capture_id, drone_id, row.number)} for row in rows]

    def receive(
        self, drone_id: int, capture_id: int, number: int, interface: str, offset: int, stream: BinaryIO
    ) -> int:
        """Add bytes to a part of a drone of ours; returns its size. Raises NotFound, WrongOffset, Unavailable."""
        interface = interface_name(interface)
        if not 1 <= number <= MAX_NUMBER:
            raise InvalidInput(f"number: must be from 1 to {MAX_NUMBER}", field="number")
        self._check_open(drone_id, capture_id)
        with self._hive.services.database.session(durable=False) as session:
            part = session.get(CapturePart, (capture_id, drone_id, number))
            if part is None:
                session.add(CapturePart(capture_id=capture_id, drone_id=drone_id, number=number, interface=interface,
                                        received=0, complete=False))
            elif part.complete:
                raise Conflict(f"part {number} is complete", code="part_complete")
            most = session.get_one(Capture, capture_id).max_bytes + SLACK_BYTES
        size = self._hive.files.receive(self._hive.files.path(capture_id, drone_id, number), offset, stream, most)
        self._hive.wake()
        return size

    def complete(self, drone_id: int, capture_id: int, completion: Completion) -> list[int]:
        """Check all parts of a drone of ours; the numbers of those that must come again, none when all is well."""
        try:
            self._check_open(drone_id, capture_id)
        except NotFound:
            if self._is_done(drone_id, capture_id):  # the answer to the same question was lost
                return []
            raise
        numbers = [part.number for part in completion.parts]
        if max(numbers, default=1) > MAX_NUMBER:
            raise InvalidInput(f"parts: numbers go up to {MAX_NUMBER}", field="parts")
        if len(set(numbers)) != len(numbers):
            raise InvalidInput("parts: a number occurs twice", field="parts")
        again = [part.number for part in completion.parts if not self._hive.files.check(
            self._hive.files.path(capture_id, drone_id, part.number), part.size, part.sha256)]
        if again:
            counter("hive", "parts_again").add(len(again))
            return again
        folder = self._hive.files.root / str(capture_id)
        if completion.parts:
            self._hive.files.sync_folder(folder)
        with self._hive.lock, self._hive.services.database.session() as session:
            for info in completion.parts:
                part = session.get(CapturePart, (capture_id, drone_id, info.number))
                if part is None:
                    part = CapturePart(capture_id=capture_id, drone_id=drone_id, number=info.number)
                    session.add(part)
                part.interface, part.size, part.sha256 = interface_name(info.interface), info.size, info.sha256
                part.received, part.complete = info.size, True
            share = session.get_one(CaptureDrone, (capture_id, drone_id))
            said = self._hive.said.pop((capture_id, drone_id), None)
            unusual = said.status_msg if said is not None and said.status_msg not in USUAL else ""
            share.status, share.status_msg, share.ended = DONE, f"Data Uploaded. {unusual}".strip(), True
            share.captured_data = sum(info.size for info in completion.parts)
            share.packets = share.packets if completion.packets is None else completion.packets
            share.dropped = share.dropped if completion.dropped is None else completion.dropped
        self._hive.wake()
        return []

    def _check_open(self, drone_id: int, capture_id: int) -> None:
        """Raise NotFound unless the hive still wants files of the capture from the drone."""
        found = self.shares(drone_id, capture_id)
        if found is None:
            raise NotFound(f"there is no job {capture_id} for this drone", code="unknown_capture")
        status, share = found
        if status == ARCHIVED or share in (DONE, ARCHIVED) or (share == FAILED and status not in ALIVE):
            raise NotFound(f"job {capture_id} needs no more of this drone's files", code="gone")

    def _is_done(self, drone_id: int, capture_id: int) -> bool:
        found = self.shares(drone_id, capture_id)
        return found is not None and found[0] != ARCHIVED and found[1] == DONE

    def shares(self, drone_id: int, capture_id: int) -> tuple[str, str] | None:
        """Status of a capture and of a drone's share of it, None when the drone has none."""
        if not 0 < capture_id < 1 << 63:
            return None
        query = (
            select(Capture.status, CaptureDrone.status).join(CaptureDrone, CaptureDrone.capture_id == Capture.id)
            .where(Capture.id == capture_id, CaptureDrone.drone_id == drone_id)
        )
        with self._hive.services.database.session(write=False) as session:
            row = session.execute(query).first()
        return None if row is None else (row[0], row[1])
