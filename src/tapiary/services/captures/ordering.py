"""From an order to a capture in the queue: every field checked, and the error says which one is at fault."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import msgspec
from sqlalchemy import select, update

from tapiary.accounts import Actor, Permission
from tapiary.capture import CRITICAL, HIGH, LOW, NORMAL, QUEUED, Options
from tapiary.database import Alert, Capture, CaptureDrone, Destination, Drone, Script
from tapiary.errors import Forbidden, InvalidInput, Unavailable
from tapiary.services.captures.views import Order
from tapiary.telemetry import logger

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from tapiary.services import Services

log = logger("captures")

#: As TCI limits them.
MAX_NAME, MAX_ARGS = 1000, 50
#: A year: longer is a mistake, and 64-bit sums stay far from their end.
MAX_DURATION_S = 366 * 86_400
MAX_BYTES = 1 << 62
MAX_FILTER = 65_536


class Ordering:
    """Checks an order and enters it."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def examine(self, actor: Actor, order: Order) -> None:
        """Check all that can be checked before the job is ordered. Raises InvalidInput, Forbidden."""
        options, drones = self._examine(actor, order)
        self._check_filter(order.filter, drones, options)
        with self._services.database.session(write=False) as session:
            self._script(session, actor, order)
            self._destination(session, actor, order)

    def _examine(self, actor: Actor, order: Order) -> tuple[Options, dict[int, str]]:
        options = self._check(actor, order)
        with self._services.database.session(write=False) as session:
            drones = self._drones(session, order.drones)
        unknown = set(options.interfaces) - set(drones.values())
        if unknown:
            raise InvalidInput(f"interfaces: {min(unknown)!r} is none of the job's drones", field="interfaces")
        return options, drones

    def enter(self, actor: Actor, order: Order, alert_id: int | None = None) -> int:
        """The number of the new capture, which the alert names that orders it. Raises InvalidInput, Forbidden."""
        options, drones = self._examine(actor, order)
        self._check_filter(order.filter, drones, options)
        with self._services.database.session() as session:
            script = self._script(session, actor, order)
            destination = self._destination(session, actor, order)
            assert actor.user_id is not None
            capture = Capture(
                owner_id=actor.user_id, name=order.name, filter=order.filter, duration_s=order.duration_s,
                max_bytes=order.max_bytes, priority=order.priority, script_id=script, script_args=order.script_args,
                destination_id=destination, ndp_trim_bytes=order.ndp_trim_bytes, ndp_capture_all=order.ndp_capture_all,
                options=msgspec.to_builtins(options), status=QUEUED, status_msg="Waiting for its turn.",
                created_at=time.time(),
            )
            session.add(capture)
            session.flush()
            session.add_all(CaptureDrone(capture_id=capture.id, drone_id=drone_id) for drone_id in drones)
            if alert_id is not None:
                session.execute(update(Alert).where(Alert.id == alert_id).values(capture_id=capture.id))
            self._services.accounts.audit.write(
                actor, "capture.create", str(capture.id),
                {"name": order.name[:100], "drones": sorted(drones.values()), "filter": order.filter[:200]},
                session=session,
            )
        return capture.id

    @staticmethod
    def _check(actor: Actor, order: Order) -> Options:
        if actor.user_id is None:
            raise Forbidden("capture jobs belong to a user: log in, or use a token of yours")
        if not order.name.strip() or len(order.name) > MAX_NAME:
            raise InvalidInput(f"name: must have 1 to {MAX_NAME} characters", field="name")
        if not 1 <= order.duration_s <= MAX_DURATION_S:
            raise InvalidInput(f"duration: must be from 1 to {MAX_DURATION_S} seconds", field="duration")
        if not 1 <= order.max_bytes <= MAX_BYTES:
            raise InvalidInput(f"max_capture_data: must be from 1 to {MAX_BYTES} bytes", field="max_capture_data")
        if len(order.script_args) > MAX_ARGS:
            raise InvalidInput(f"script_args: must have at most {MAX_ARGS} characters", field="script_args")
        if order.priority not in (LOW, NORMAL, HIGH, CRITICAL):
            raise InvalidInput(
                f"priority: must be {LOW} (low), {NORMAL} (normal), {HIGH} (high) or {CRITICAL} (critical)",
                field="priority")
        if order.priority == CRITICAL and not actor.has(Permission.JOB_MASTER):
            raise Forbidden("priority: critical jobs interrupt others' and need the permission JOB_MASTER",
                            field="priority")
        if order.ndp_capture_all and not actor.has(Permission.JOB_MASTER):
            raise Forbidden("ndp_capture_all: needs the permission JOB_MASTER", field="ndp_capture_all")
        if not 0 <= order.ndp_trim_bytes <= 1 << 20:
            raise InvalidInput("ndp_trim_bytes: must be from 0 to 1048576", field="ndp_trim_bytes")
        try:
            return msgspec.convert(dict(order.options), Options)
        except msgspec.ValidationError as error:
            raise InvalidInput(f"options: {error}", field="options") from None

    def _drones(self, session: Session, names: tuple[str, ...]) -> dict[int, str]:
        rows = {drone.name: drone for drone in session.scalars(select(Drone).where(Drone.deactivated_at.is_(None)))}
        if names == ("*",):
            connected = self._services.hive.connected_ids()
            found = {drone.id: name for name, drone in sorted(rows.items()) if drone.id in connected}
            if not found:
                raise InvalidInput("drones: no drone is connected", field="drones")
            return found
        if not names:
            raise InvalidInput("drones: name at least one (GET /drones lists them)", field="drones")
        for name in names:
            if name not in rows:
                raise InvalidInput(f"drones: there is no drone {name!r} (GET /drones lists them)", field="drones")
        return {rows[name].id: name for name in dict.fromkeys(names)}

    def _check_filter(self, text: str, drones: dict[int, str], options: Options) -> None:
        """Raises InvalidInput with what libpcap says of the filter, here and at each drone of ours."""
        if len(text) > MAX_FILTER or "\0" in text:
            raise InvalidInput(f"filter: must be text of at most {MAX_FILTER} characters", field="filter")
        if not text.strip():
            return
        from tapiary.meter import check_filter

        try:
            if objection := check_filter(text):
                raise InvalidInput(f"filter: {objection}", field="filter")
        except Unavailable as error:
            log.warning("filters cannot be checked here: %s", error)
        self._services.hive.check_filter(drones, text, options.interfaces)

    @staticmethod
    def _script(session: Session, actor: Actor, order: Order) -> int | None:
        if order.script_name is None:
            if not actor.has(Permission.SCRIPT_MASTER):
                raise Forbidden("script_name: jobs without a script need the permission SCRIPT_MASTER",
                                field="script_name")
            return None
        script = session.scalar(select(Script).where(Script.name == order.script_name))
        if script is None:
            raise InvalidInput(f"script_name: there is no script {order.script_name!r}", field="script_name")
        if actor.level > script.level and not script.shipped:
            raise Forbidden(f"script_name: {order.script_name!r} is for higher ranks", field="script_name")
        return script.id

    @staticmethod
    def _destination(session: Session, actor: Actor, order: Order) -> int | None:
        if order.destination_id is None:
            return None
        destination = session.get(Destination, order.destination_id)
        if destination is None or (destination.owner_id != actor.user_id and not actor.has(Permission.ADMIN)):
            raise InvalidInput(
                f"destination_id: you have no destination {order.destination_id}", field="destination_id")
        return destination.id
