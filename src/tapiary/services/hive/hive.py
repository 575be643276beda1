"""The runtime of the hive: who is connected, what they report, and the loop that turns that into orders.

Events only record what a drone said; one thread then compares the captures of the database with what the drones report
and does what is missing: begin, stop, ask for files, merge. Whatever was interrupted (a killed hive, a cut link, an
order that got lost) is therefore taken up again by the next round, and no order depends on another having arrived.
"""

from __future__ import annotations

import hmac
import threading
import time
from hashlib import sha256
from typing import TYPE_CHECKING, Any, BinaryIO

from sqlalchemy import select, update

from tapiary.capture import (
    BACKENDS,
    DEACTIVATED,
    DIALECT,
    DISCONNECTED,
    PENDING,
    CheckFilter,
    Completion,
    FilterVerdict,
    Init,
    JobState,
    Live,
    StatusUpdate,
    Upload,
    decode,
    drone_state,
)
from tapiary.database import Drone
from tapiary.errors import InvalidInput, TapiaryError, Unauthenticated
from tapiary.services.hive.chunks import Chunks
from tapiary.services.hive.intake import Intake
from tapiary.services.hive.links import Channel, Link
from tapiary.services.hive.live import LiveBoard
from tapiary.services.hive.parts import Parts
from tapiary.services.hive.rounds import Round
from tapiary.telemetry import counter, logger

if TYPE_CHECKING:
    from tapiary.services import Services

log = logger("hive")
_connections = counter("hive", "connections")

#: Seconds between two rounds where nothing happens, and at least between two where much does.
ROUND_S, PAUSE_S = 1.0, 0.02
#: Seconds between two looks for captures whose merging or script has ended without saying so.
RECOVER_S = 5.0
#: A drone that is away for less is only on its way back.
AWAY_S = 30.0
#: Seconds that a drone may take to check a filter; beyond that the job is taken without the check.
CHECK_S = 3.0


class Hive:
    """One a server process. The constructor does no I/O; every method may be called from any thread."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self.files = Parts(services.config)
        self.board = LiveBoard()
        self.lock = threading.RLock()
        #: Connected drones.
        self.links: dict[int, Link] = {}
        #: What each drone said last of each job, by (capture, drone).
        self.said: dict[tuple[int, int], JobState] = {}
        self.chunks = Chunks(self)
        self._intake = Intake(self)
        #: When each drone was lost; those that have not been here are counted from the hive's own start.
        self._lost: dict[int, float] = {}
        self._began = time.monotonic()
        self._wake = threading.Event()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def services(self) -> Services:
        """The use cases beside."""
        return self._services

    def start(self) -> None:
        """Begin the rounds; returns at once."""
        with self._services.database.session() as session:
            away = Drone.status.not_in((PENDING, DEACTIVATED))
            session.execute(update(Drone).where(away).values(status=DISCONNECTED))
        self._stop.clear()
        self._thread = threading.Thread(target=self._run, name="hive", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the rounds and drop all connections; captures go on at the drones."""
        self._stop.set()
        self.wake()
        if self._thread is not None:
            self._thread.join(timeout=10.0)
            self._thread = None
        with self.lock:
            links = list(self.links.values())
        for link in links:
            link.channel.close()

    def wake(self) -> None:
        """Let the next round begin now."""
        self._wake.set()

    # What the sockets' side tells.

    def authenticate(self, token: str) -> int:
        """The drone whose token this is. Raises Unauthenticated."""
        digest = token_hash(token)
        with self._services.database.session(write=False) as session:
            drone = session.scalar(select(Drone).where(Drone.token_hash == digest))
        if drone is None or not hmac.compare_digest(drone.token_hash, digest):
            raise Unauthenticated("the drone's token is not valid; make a new one with PUT /api/v1/drones/NAME")
        if drone.deactivated_at is not None:
            raise Unauthenticated(f"the drone {drone.name!r} is deactivated")
        return drone.id

    def connected(self, drone_id: int, channel: Channel) -> None:
        """A drone is there; a former connection of it is dropped."""
        with self.lock:
            former = self.links.get(drone_id)
            self.links[drone_id] = Link(drone_id, channel)
        _connections.add()
        if former is not None:
            former.channel.close()

    def disconnected(self, drone_id: int, channel: Channel) -> None:
        """A connection has ended; nothing happens when another one has taken its place."""
        with self.lock:
            link = self.links.get(drone_id)
            if link is None or link.channel is not channel:
                return
            del self.links[drone_id]
            self._lost[drone_id] = time.monotonic()
        with self._services.database.session(durable=False) as session:
            session.execute(
                update(Drone).where(Drone.id == drone_id, Drone.status != DEACTIVATED)
                .values(status=DISCONNECTED, last_seen_at=time.time())
            )
        self.wake()

    def initialised(self, drone_id: int, init: Init) -> int:
        """What a drone is; returns the dialect of ours to speak with it, 0 for TCI's protocol."""
        backend = init.capture_backend if init.capture_backend in BACKENDS else "unknown"
        features: dict[str, Any] = {}
        dialect = 0
        if init.dialect is not None and init.dialect.version >= 1:
            dialect = min(init.dialect.version, DIALECT)
            features = {"dialect": dialect, "release": init.dialect.release, "live": init.dialect.live,
                        "interfaces": init.dialect.interfaces[:256], "checks_filters": init.dialect.checks_filters}
        with self.lock:
            if (link := self.links.get(drone_id)) is not None:
                link.init, link.dialect = init, dialect
        with self._services.database.session(durable=False) as session:
            session.execute(update(Drone).where(Drone.id == drone_id).values(
                capture_backend=backend, features=features, last_seen_at=time.time()))
        return dialect

    def status(self, drone_id: int, update_: StatusUpdate) -> None:
        """What a drone does now, with how far its job is."""
        job = update_.job()
        with self.lock:
            link = self.links.get(drone_id)
            if link is None:
                return
            changed = link.said != update_.status or (link.job is None) != (job is None)
            if job is None and (link.job is not None or link.said is None):
                link.idle_since = time.monotonic()
            first = link.said is None
            link.said, link.job, link.seen = update_.status, job, time.time()
            if job is not None:
                changed = self._take(drone_id, job) or changed
        if changed:
            with self._services.database.session(durable=False) as session:
                session.execute(update(Drone).where(Drone.id == drone_id, Drone.status != DEACTIVATED).values(
                    status=drone_state(update_.status), last_seen_at=time.time()))
        if changed or first:
            self.wake()

    def job(self, drone_id: int, job: JobState) -> None:
        """A job of a drone took a step."""
        with self.lock:
            if (link := self.links.get(drone_id)) is not None:
                link.seen = time.time()
                link.idle_since = time.monotonic()
            self._take(drone_id, job)
        self.wake()

    def _take(self, drone_id: int, job: JobState) -> bool:
        """Keep what a drone says of a job; whether it is news that cannot wait for the next regular round."""
        former = self.said.get((job.id, drone_id))
        self.said[job.id, drone_id] = job
        return former is None or (former.status, former.status_msg) != (job.status, job.status_msg)

    def live(self, drone_id: int, live: Live) -> None:
        """What a drone has metered so far."""
        if self._intake.shares(drone_id, live.job_id):
            self.board.put(live.job_id, drone_id, live)

    # Files.

    def chunk(self, drone_id: int, upload: Upload) -> int:
        """Store a chunk of TCI's drone: 202 stored and the next one asked for, 200 that was all, 400 refused."""
        return self.chunks.take(drone_id, upload)

    def parts(self, drone_id: int, capture_id: int) -> list[dict[str, Any]]:
        """The parts of a capture that have come from a drone. Raises NotFound."""
        return self._intake.parts(drone_id, capture_id)

    def receive(
        self, drone_id: int, capture_id: int, number: int, interface: str, offset: int, stream: BinaryIO
    ) -> int:
        """Add bytes to a part of a drone of ours; returns its size. Raises NotFound, WrongOffset, Unavailable."""
        return self._intake.receive(drone_id, capture_id, number, interface, offset, stream)

    def complete(self, drone_id: int, capture_id: int, completion: Completion) -> list[int]:
        """Check all parts of a drone of ours; the numbers of those that must come again, none when all is well."""
        return self._intake.complete(drone_id, capture_id, completion)

    # What users ask.

    def check_filter(self, drone_ids: dict[int, str], text: str, interfaces: dict[str, list[str]]) -> None:
        """Let the connected drones of ours check a filter. Raises InvalidInput with the words of libpcap."""
        with self.lock:
            links = [self.links[i] for i in drone_ids if i in self.links]
        for link in links:
            if not link.dialect or link.init.dialect is None or not link.init.dialect.checks_filters:
                continue
            name = drone_ids[link.drone_id]
            question = CheckFilter(filter=text, interfaces=interfaces.get(name, []))
            try:
                answer = decode(link.channel.call("check_filter", question, CHECK_S), FilterVerdict, "check_filter")
            except (TimeoutError, TapiaryError) as error:
                log.warning("drone %r did not check the filter: %s", name, error)
                continue
            if not answer.ok:
                raise InvalidInput(f"filter: the drone {name!r} refuses it: {answer.message}", field="filter")

    def drop(self, drone_id: int) -> None:
        """Tell a drone to disconnect, and drop its connection."""
        with self.lock:
            link = self.links.get(drone_id)
        if link is not None:
            link.channel.send("force_disconnect", None)
            threading.Timer(0.5, link.channel.close).start()

    def is_gone(self, drone_id: int) -> bool:
        """Whether a drone has been away for so long that it may be left out when a user wishes."""
        with self.lock:
            lost = max(self._lost.get(drone_id, 0.0), self._began)
            return drone_id not in self.links and time.monotonic() - lost >= AWAY_S

    def connected_ids(self) -> set[int]:
        """The drones that are there."""
        with self.lock:
            return set(self.links)

    def _run(self) -> None:
        next_recovery = 0.0
        while not self._stop.is_set():
            self._wake.wait(ROUND_S)
            self._wake.clear()
            if self._stop.is_set():
                return
            try:
                self.round()
                if time.monotonic() >= next_recovery:
                    next_recovery = time.monotonic() + RECOVER_S
                    self._services.captures.recover()
            except Exception:
                log.exception("a round of the hive failed")
                self._stop.wait(ROUND_S)
            self._stop.wait(PAUSE_S)

    def round(self) -> None:
        """Compare and act, once."""
        with self.lock:
            orders = Round(self).run()
        for link, event, message in orders:
            link.channel.send(event, message)


def token_hash(token: str) -> str:
    """What the database keeps of a drone's token, which has 256 random bits."""
    return sha256(token.encode("utf-8", "replace")).hexdigest()

