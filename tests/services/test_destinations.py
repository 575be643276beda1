"""Destinations: inside the allowed roots only, and each its owner's."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from tapiary.accounts import LOCAL, Actor, Permission
from tapiary.config import Config
from tapiary.database import Capture, Level, User
from tapiary.errors import Conflict, Forbidden, InvalidInput, NotFound
from tapiary.services import Services
from tapiary.services.destinations import Destinations

ADA = Actor("ada", 1, level=5, permissions=Permission.SCRIPT_MASTER)
BOB = Actor("bob", 2, level=5, permissions=Permission.SCRIPT_MASTER | Permission.JOB_MASTER)
ADMIN = Actor("eve", 3, level=1, permissions=Permission.ADMIN)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The one folder inside of which destinations may lie, with the folder `a` in it."""
    (tmp_path / "root" / "a").mkdir(parents=True)
    return tmp_path / "root"


@pytest.fixture
def destinations(config: Config, root: Path) -> Iterator[Destinations]:
    """Three users, no destination yet."""
    services = Services(replace(config, capture=replace(config.capture, destination_roots=[str(root)])))
    with services.database.session() as session:
        session.add(Level(level=5, name="five", permissions=16))
        session.flush()
        for number, name in enumerate(("ada", "bob", "eve"), 1):
            session.add(User(id=number, name=name, name_key=name, level=5, created_at=time.time()))
    yield Destinations(services)
    services.close()


def test_made_changed_and_forgotten(destinations: Destinations, root: Path) -> None:
    made = destinations.create(ADA, "archive", str(root / "a"))
    assert (made.owner, made.name, made.path) == ("ada", "archive", str(root / "a"))
    assert destinations.list(ADA) == [made] == destinations.list(LOCAL)
    changed = destinations.edit(ADA, made.id, name="other", path=str(root))
    assert destinations.get(ADA, made.id) == changed
    assert (changed.name, changed.path) == ("other", str(root))
    destinations.delete(ADA, made.id)
    with pytest.raises(NotFound):
        destinations.get(ADA, made.id)


def test_others_may_neither_see_nor_change_it_but_the_administrator_may(destinations: Destinations, root: Path) -> None:
    made = destinations.create(ADA, "archive", str(root / "a"))
    assert destinations.list(BOB) == []
    with pytest.raises(Forbidden):
        destinations.get(BOB, made.id)
    with pytest.raises(Forbidden):
        destinations.edit(BOB, made.id, name="mine")
    with pytest.raises(Forbidden):
        destinations.delete(BOB, made.id)
    assert destinations.edit(ADMIN, made.id, name="seen").owner == "ada"


def test_changes_need_the_permission(destinations: Destinations, root: Path) -> None:
    made = destinations.create(ADA, "archive", str(root / "a"))
    plain = Actor("ada", 1, level=5)
    assert destinations.get(plain, made.id) == made
    with pytest.raises(Forbidden):
        destinations.create(plain, "b", str(root / "a"))
    with pytest.raises(Forbidden):
        destinations.edit(plain, made.id, name="b")
    with pytest.raises(Forbidden):
        destinations.delete(plain, made.id)
    with pytest.raises(Forbidden):
        destinations.create(LOCAL, "b", str(root / "a"))


def test_links_and_dots_lead_no_way_out(destinations: Destinations, root: Path) -> None:
    (root.parent / "outside").mkdir()
    (root / "way").symlink_to(root.parent / "outside")
    (root / "loop").symlink_to(root / "loop")
    for path in (root / "way", root.parent / "outside", f"{root}/../outside", f"{root}-other", root / "none", "/",
                 root / "loop", "a", "", f"{root}/{'x' * 128}", f"{root}/a\n"):
        with pytest.raises(InvalidInput) as caught:
            destinations.create(ADA, "out", str(path))
        assert caught.value.field == "path"


def test_a_link_inside_the_root_is_followed(destinations: Destinations, root: Path) -> None:
    (root / "way").symlink_to(root / "a")
    assert destinations.check(root / "way") == (root / "a").resolve()


def test_a_file_is_no_destination(destinations: Destinations, root: Path) -> None:
    (root / "file").touch()
    with pytest.raises(InvalidInput, match="no folder"):
        destinations.check(root / "file")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_the_folder_must_be_writable(destinations: Destinations, root: Path) -> None:
    (root / "a").chmod(0o500)
    with pytest.raises(InvalidInput, match="may not read and write"):
        destinations.check(root / "a")


def test_messages_name_the_roots(destinations: Destinations, root: Path, config: Config) -> None:
    with pytest.raises(InvalidInput, match=str(root)):
        destinations.check("/etc")
    with pytest.raises(InvalidInput, match="destination_roots is empty"):
        Destinations(Services(config)).check("/etc")


@pytest.mark.parametrize("name", ["", "x" * 31, "a\nb", " "])
def test_names_that_are_refused(destinations: Destinations, root: Path, name: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        destinations.create(ADA, name, str(root / "a"))
    assert caught.value.field == "name"


def test_one_that_a_capture_names_stays(destinations: Destinations, root: Path) -> None:
    made = destinations.create(ADA, "archive", str(root / "a"))
    with destinations._services.database.session() as session:
        session.add(Capture(owner_id=1, name="job", duration_s=1, max_bytes=1, created_at=time.time(),
                            destination_id=made.id))
    with pytest.raises(Conflict):
        destinations.delete(ADA, made.id)
