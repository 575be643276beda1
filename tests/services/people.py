"""Users that share a data folder, and the actors that they are."""

from __future__ import annotations

import time

from tapiary.accounts import Actor, Permission
from tapiary.database import Level, User
from tapiary.services import Services

ADA = Actor("ada", 1, level=5, means="local")
BOB = Actor("bob", 2, level=20)
#: Of bob's level, and nobody whom bob knows.
CLEO = Actor("cleo", 3, level=20)
EVE = Actor("eve", 4, level=1, permissions=Permission.ADMIN)
PEOPLE = (ADA, BOB, CLEO, EVE)


def add_people(services: Services) -> None:
    """Put the users into the database."""
    with services.database.session() as session:
        session.add_all(Level(level=n, name=f"level {n}", permissions=63 if n == 1 else 0) for n in (1, 5, 20))
        session.flush()
        session.add_all(
            User(id=each.user_id, name=each.name, name_key=each.name, level=each.level, created_at=time.time())
            for each in PEOPLE)
