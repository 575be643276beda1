"""Files of TCI's drones: one part, in chunks of 700,000 bytes that the hive asks for one by one."""

from __future__ import annotations

import base64
import binascii
import time
from typing import TYPE_CHECKING

from tapiary.capture import ARCHIVED, CHUNK_BYTES, DONE, FAILED, GetChunk, Upload
from tapiary.database import Capture, CaptureDrone, CapturePart
from tapiary.errors import TapiaryError
from tapiary.telemetry import counter, logger

if TYPE_CHECKING:
    from tapiary.services.hive.hive import Hive
    from tapiary.services.hive.links import Link

log = logger("hive")
_refused = counter("hive", "refused_chunks")


class Chunks:
    """Takes chunks, and asks for the next."""

    def __init__(self, hive: Hive) -> None:
        self._hive = hive

    def take(self, drone_id: int, upload: Upload) -> int:
        """Store a chunk; see `Hive.chunk`."""
        capture_id, number, last = upload.job_id, upload.chunk_number, upload.total_number_of_chunks
        try:
            data = base64.b64decode(upload.chunk_bytes, validate=True)
        except binascii.Error:
            return self._refuse(drone_id, f"chunk {number} of job {capture_id} is no base64")
        with self._hive.lock:
            link = self._hive.links.get(drone_id)
        if link is None or not self._wanted(drone_id, capture_id):
            return self._refuse(drone_id, f"nobody asked for a file of job {capture_id}")
        short = number < last and len(data) != CHUNK_BYTES
        if number > last or len(data) > CHUNK_BYTES or short or (number > 1 and not data):
            return self._refuse(drone_id, f"chunk {number} of {last} of job {capture_id} has {len(data)} bytes")
        if link.asked is None or link.asked[:2] != (capture_id, number):
            return 202  # an answer to a question that was asked twice; the other one is stored already
        # Without the hive's lock: a disk may take its time, and a drone's events come one after another.
        return self._store(link, capture_id, number, last, data)

    def ask(self, link: Link, capture_id: int, *, again: bool = False) -> GetChunk:
        """The order for the chunk that is missing.

        A file of whole chunks may be complete without the hive having noted it: it was killed just then, and the drone
        has no answer to the question for one more. Asked `again`, it is the last chunk that has come, which tells.
        """
        size = self._hive.files.size(capture_id, link.drone_id, 1)
        number = size // CHUNK_BYTES + 1
        if again and number > 1 and size % CHUNK_BYTES == 0 and link.asked is not None and link.asked[1] == number:
            number -= 1
        link.asked = (capture_id, number, time.monotonic())
        link.unanswered = link.unanswered + 1 if again else 0
        return GetChunk(chunk_number=number, job_id=capture_id)

    def _store(self, link: Link, capture_id: int, number: int, last: int, data: bytes) -> int:
        files, drone_id = self._hive.files, link.drone_id
        path, offset = files.path(capture_id, drone_id, 1), (number - 1) * CHUNK_BYTES
        have = files.size(capture_id, drone_id, 1)
        try:
            if offset < have:
                files.cut(path, offset)
            files.append(path, offset, data)
        except (TapiaryError, OSError) as error:
            log.error("job %d: chunk %d of drone %d cannot be stored: %s", capture_id, number, drone_id, error)
            return 400
        if number < last:
            link.channel.send("get_chunk", self.ask(link, capture_id))
            return 202
        files.sync(path)
        self._finish(drone_id, capture_id, offset + len(data))
        link.asked = None
        self._hive.wake()
        return 200

    def _finish(self, drone_id: int, capture_id: int, size: int) -> None:
        with self._hive.services.database.session() as session:
            part = session.get(CapturePart, (capture_id, drone_id, 1))
            if part is None:
                part = CapturePart(capture_id=capture_id, drone_id=drone_id, number=1, interface="")
                session.add(part)
            part.size, part.received, part.complete = size, size, True
            share = session.get_one(CaptureDrone, (capture_id, drone_id))
            share.status, share.status_msg, share.ended = DONE, "Data Uploaded.", True
            share.captured_data = size
        self._hive.said.pop((capture_id, drone_id), None)

    def _wanted(self, drone_id: int, capture_id: int) -> bool:
        with self._hive.services.database.session(write=False) as session:
            capture, share = session.get(Capture, capture_id), session.get(CaptureDrone, (capture_id, drone_id))
        if capture is None or share is None or capture.status == ARCHIVED:
            return False
        return share.ended and share.status not in (DONE, FAILED, ARCHIVED)

    def _refuse(self, drone_id: int, why: str) -> int:
        _refused.add()
        log.warning("drone %d: %s", drone_id, why)
        return 400
