"""Drones: who there are, their tokens, their queues."""

from __future__ import annotations

import builtins
import re
import secrets
import time
from typing import TYPE_CHECKING

from sqlalchemy import func, select

from tapiary.accounts import Actor
from tapiary.capture import (
    ARCHIVED,
    DEACTIVATED,
    DISCONNECTED,
    DONE,
    FAILED,
    PAUSED,
    PENDING,
    QUEUED,
    RUNNING,
    STOPPED,
    UPLOADING,
    Job,
    queue_of,
)
from tapiary.database import Capture, CaptureDrone, Drone
from tapiary.errors import Conflict, InvalidInput, NotFound
from tapiary.services.captures.views import DroneShare, DroneView
from tapiary.services.hive import token_hash

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from tapiary.services import Services

MAX_NAME = 30
#: A drone's token, as TCI makes them: 256 random bits, url-safe.
TOKEN_BYTES = 32
#: Colours of new drones, in turn: told apart on light and dark grounds, also by the colour-blind (Okabe and Ito, 2008).
COLORS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442")


class Drones:
    """The drones of this hive."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def list(self) -> builtins.list[DroneView]:
        """All drones that are not deactivated, by name."""
        with self._services.database.session(write=False) as session:
            query = select(Drone).where(Drone.deactivated_at.is_(None)).order_by(Drone.name)
            return self._views(session, list(session.scalars(query)))

    def deactivated(self) -> builtins.list[DroneView]:
        """The drones that were deactivated, by name."""
        with self._services.database.session(write=False) as session:
            query = select(Drone).where(Drone.deactivated_at.is_not(None)).order_by(Drone.name)
            return self._views(session, list(session.scalars(query)))

    def get(self, name: str) -> DroneView:
        """One drone. Raises NotFound."""
        with self._services.database.session(write=False) as session:
            return self._views(session, [_named(session, name)])[0]

    def create(self, actor: Actor, name: str, description: str = "") -> tuple[DroneView, str]:
        """A new drone and its token, which is shown this once. Raises InvalidInput, Conflict."""
        if not 1 <= len(name) <= MAX_NAME or not name.isprintable() or name != name.strip() or name == "*":
            raise InvalidInput(f"name: must have 1 to {MAX_NAME} printable characters", field="name")
        if len(description) > 1000:
            raise InvalidInput("description: must have at most 1000 characters", field="description")
        token = secrets.token_urlsafe(TOKEN_BYTES)
        with self._services.database.session() as session:
            if session.scalar(select(Drone.id).where(Drone.name == name)) is not None:
                raise Conflict(f"name: there is a drone {name!r} already", field="name", code="name_taken")
            count = session.scalar(select(func.count()).select_from(Drone)) or 0
            drone = Drone(name=name, description=description, color=COLORS[count % len(COLORS)], features={},
                          token_hash=token_hash(token), status=PENDING, created_at=time.time())
            session.add(drone)
            self._services.accounts.audit.write(actor, "drone.create", name, session=session)
            session.flush()
            return self._views(session, [drone])[0], token

    def renew_token(self, actor: Actor, name: str) -> str:
        """A new token; the drone is disconnected, and the old one is no longer good."""
        token = secrets.token_urlsafe(TOKEN_BYTES)
        with self._services.database.session() as session:
            drone = _named(session, name)
            drone.token_hash = token_hash(token)
            self._services.accounts.audit.write(actor, "drone.renew_token", name, session=session)
        self._services.hive.drop(drone.id)
        return token

    def recolor(self, actor: Actor, name: str, color: str) -> DroneView:
        """Give it another colour, as #RRGGBB."""
        if not re.fullmatch(r"#[0-9A-Fa-f]{6}", color):
            raise InvalidInput("color: must be #RRGGBB, six hexadecimal digits", field="color")
        with self._services.database.session() as session:
            drone = _named(session, name)
            drone.color = color
            self._services.accounts.audit.write(actor, "drone.recolor", name, {"color": color}, session=session)
        return self.get(name)

    def delete(self, actor: Actor, name: str) -> None:
        """Forget a drone. Raises Conflict while jobs refer to it."""
        with self._services.database.session() as session:
            drone = _named(session, name)
            if session.scalar(select(CaptureDrone.capture_id).where(CaptureDrone.drone_id == drone.id).limit(1)):
                raise Conflict(f"jobs refer to the drone {name!r}; deactivate it instead", code="drone_in_use")
            session.delete(drone)
            self._services.accounts.audit.write(actor, "drone.delete", name, session=session)
        self._services.hive.drop(drone.id)

    def disconnect(self, actor: Actor, name: str | None = None) -> None:
        """Drop a drone's connection, or all; they come back by themselves."""
        with self._services.database.session() as session:
            drones = [_named(session, name)] if name is not None else list(session.scalars(select(Drone)))
            self._services.accounts.audit.write(actor, "drone.disconnect", name or "*", session=session)
        for drone in drones:
            self._services.hive.drop(drone.id)

    def deactivate(self, actor: Actor, name: str) -> DroneView:
        """Let no more jobs go to a drone, and keep it from connecting. Raises Conflict while it works on a job."""
        with self._services.database.session() as session:
            drone = _named(session, name)
            active = _active(session, drone.id)
            if active is not None:
                raise Conflict(f"the drone {name!r} works on job {active}; stop that first", code="drone_in_use")
            drone.deactivated_at, drone.status = drone.deactivated_at or time.time(), DEACTIVATED
            self._services.accounts.audit.write(actor, "drone.deactivate", name, session=session)
        self._services.hive.drop(drone.id)
        return self.get(name)

    def reactivate(self, actor: Actor, name: str) -> DroneView:
        """Take a deactivated drone back."""
        with self._services.database.session() as session:
            drone = _named(session, name)
            if drone.deactivated_at is not None:
                drone.deactivated_at, drone.status = None, DISCONNECTED
            self._services.accounts.audit.write(actor, "drone.reactivate", name, session=session)
        return self.get(name)

    @staticmethod
    def _views(session: Session, drones: builtins.list[Drone]) -> builtins.list[DroneView]:
        query = (
            select(Capture, CaptureDrone).join(CaptureDrone, CaptureDrone.capture_id == Capture.id)
            .where(Capture.status != ARCHIVED, CaptureDrone.drone_id.in_([drone.id for drone in drones]))
            .order_by(Capture.id)
        )
        rows = list(session.execute(query).all())
        waiting = [
            Job(capture.id, capture.priority, frozenset({share.drone_id})) for capture, share in rows
            if capture.status == QUEUED or (capture.status == PAUSED and not capture.held)
        ]
        return [
            DroneView(
                name=drone.name, description=drone.description, color=drone.color,
                capture_backend=drone.capture_backend, status=drone.status, created_at=drone.created_at,
                last_seen_at=drone.last_seen_at, deactivated_at=drone.deactivated_at, features=drone.features,
                shares=tuple(
                    (capture.id, DroneShare(drone.name, drone.color, drone.description, drone.capture_backend,
                                            share.captured_data, share.packets, share.dropped, share.status,
                                            share.status_msg, 0, None))
                    for capture, share in rows if share.drone_id == drone.id
                ),
                active=next((c.id for c, share in rows if share.drone_id == drone.id and c.status == RUNNING), None),
                queue=tuple(queue_of(drone.id, waiting)),
            )
            for drone in drones
        ]


def _named(session: Session, name: str) -> Drone:
    drone = session.scalar(select(Drone).where(Drone.name == name))
    if drone is None:
        raise NotFound(f"there is no drone {name!r}", field="name")
    return drone


def _active(session: Session, drone_id: int) -> int | None:
    return session.scalar(
        select(Capture.id).join(CaptureDrone, CaptureDrone.capture_id == Capture.id)
        .where(
            CaptureDrone.drone_id == drone_id, Capture.status.in_((RUNNING, STOPPED, PAUSED, UPLOADING)),
            Capture.start_time.is_not(None), CaptureDrone.status.not_in((DONE, FAILED, ARCHIVED)),
        ).limit(1)
    )
