"""Elements: private at first, shared by their permissions, hidden from everybody else."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tapiary.accounts import ANYONE, LOCAL, Actor
from tapiary.database import Element, User
from tapiary.errors import Conflict, Forbidden, InvalidInput, NotFound
from tapiary.services import ElementView, Services
from tapiary.services.elements import LOOKUP, MACRO
from tests.services.people import ADA, BOB, CLEO, EVE, add_people

PUBLIC = [{"sid": "ROLE_USER", "perms": ["VIEW"]}]


@pytest.fixture(autouse=True)
def people(services: Services) -> None:
    """Four users."""
    add_people(services)


@pytest.fixture
def made(services: Services) -> ElementView:
    """A macro of bob's."""
    return services.elements.create(BOB, MACRO, "INTERNAL", {"nql": "serverPort = 22", "b": 1, "a": [None]})


def audited(services: Services) -> list[tuple[str, str, Any]]:
    """Actions, objects and details of the audit log, the latest first."""
    return [(row.action, row.object, row.details) for row in services.accounts.audit.list()]


def test_made_and_shown_as_sent(services: Services, made: ElementView) -> None:
    assert re.fullmatch("[0-9a-f]{8}-[0-9a-f]{8}-[0-9a-f]{8}", made.id)
    shown = services.elements.get(BOB, made.id)
    assert shown == made
    assert list(shown.config) == ["nql", "b", "a"]
    assert (made.created_by, made.owner_id, made.permissions) == ("bob", 2, ())
    assert audited(services) == [("macro.create", made.id, {"name": "INTERNAL"})]


@pytest.mark.parametrize("stranger", [CLEO, ANYONE])
def test_a_private_one_is_not_there_for_others(services: Services, made: ElementView, stranger: Actor) -> None:
    assert services.elements.list(stranger) == (0, [])
    for call in (
        lambda: services.elements.get(stranger, made.id),
        lambda: services.elements.edit(stranger, made.id, {"config": {}}),
        lambda: services.elements.delete(stranger, made.id),
        lambda: services.elements.permissions(stranger, made.id),
        lambda: services.elements.set_permissions(stranger, made.id, PUBLIC),
        lambda: services.elements.named(stranger, MACRO, "INTERNAL"),
    ):
        with pytest.raises(NotFound):
            call()
    assert services.elements.get(BOB, made.id) == made


@pytest.mark.parametrize("superior", [ADA, EVE, LOCAL])
def test_superiors_may_everything(services: Services, made: ElementView, superior: Actor) -> None:
    assert services.elements.list(superior) == (1, [made])
    services.elements.set_permissions(superior, made.id, PUBLIC)
    services.elements.delete(superior, made.id)
    assert services.elements.list(EVE)[0] == 0


def test_what_may_be_seen_may_not_be_changed_for_that(services: Services, made: ElementView) -> None:
    assert services.elements.set_permissions(BOB, made.id, PUBLIC) == tuple(PUBLIC)
    assert services.elements.get(CLEO, made.id).permissions == tuple(PUBLIC)
    for call in (
        lambda: services.elements.edit(CLEO, made.id, {"config": {}}),
        lambda: services.elements.delete(CLEO, made.id),
        lambda: services.elements.set_permissions(CLEO, made.id, []),
    ):
        with pytest.raises(Forbidden):
            call()
    services.elements.set_permissions(BOB, made.id, [])
    with pytest.raises(NotFound):
        services.elements.get(CLEO, made.id)


@pytest.mark.parametrize(("sid", "who"), [
    ("LEVEL_20", {"bob", "cleo"}), ("LEVEL_5", {"bob"}), ("LEVEL_05", {"bob"}), ("ROLE_ADMIN", {"bob"}),
    ("CLEO", {"bob", "cleo"}), ("ROLE_USER", {"bob", "cleo", "anonymous"}),
])
def test_whom_a_sid_means(services: Services, made: ElementView, sid: str, who: set[str]) -> None:
    services.elements.set_permissions(BOB, made.id, [{"sid": sid, "perms": ["VIEW", "VIEW"]}])
    seen = {each.name for each in (BOB, CLEO, ANYONE) if services.elements.list(each)[0]}
    assert seen == who


def test_administrators_by_their_role(services: Services) -> None:
    made = services.elements.create(LOCAL, MACRO, "M", {})
    weak = Actor("zoe", 9, level=1, permissions=EVE.permissions)
    # Nobody outranks the shell, so it is the role that lets an administrator without JOB_MASTER's way in.
    assert services.elements.get(weak, made.id)
    assert not services.elements.list(ADA)[0]


def test_a_later_user_of_the_same_name_is_another_one(services: Services, made: ElementView) -> None:
    services.elements.set_permissions(BOB, made.id, [{"sid": "cleo", "perms": ["VIEW"]}])
    assert services.elements.list(CLEO)[0] == 1
    assert services.elements.list(Actor("cleo", 77, level=20))[0] == 0


def test_edit_lets_add_and_add_alone_does_not_let_see(services: Services, made: ElementView) -> None:
    services.elements.set_permissions(BOB, made.id, [{"sid": "cleo", "perms": ["EDIT"]}])
    assert services.elements.get(CLEO, made.id, "ADD")
    services.elements.set_permissions(BOB, made.id, [{"sid": "cleo", "perms": ["ADD"]}])
    assert services.elements.get(CLEO, made.id, "ADD")
    with pytest.raises(Forbidden):
        services.elements.get(CLEO, made.id)
    assert services.elements.list(CLEO)[0] == 0


@pytest.mark.parametrize("wrong", [
    None, {}, "ROLE_USER", [1], [{"sid": "ROLE_USER"}], [{"sid": "ROLE_USER", "perms": []}],
    [{"sid": "ROLE_USER", "perms": ["LOOK"]}], [{"sid": "ROLE_USER", "perms": "VIEW"}],
    [{"sid": "nobody", "perms": ["VIEW"]}], [{"sid": 1, "perms": ["VIEW"]}], PUBLIC * 2,
    [{"sid": "ROLE_USER", "perms": [["VIEW"]]}], [{"sid": "\ud800", "perms": ["VIEW"]}],
    [{"sid": "ROLE_USER", "perms": ["VIEW"], "more": 1}],
])
def test_permissions_that_are_none(services: Services, made: ElementView, wrong: object) -> None:
    with pytest.raises(InvalidInput) as refused:
        services.elements.set_permissions(BOB, made.id, wrong)
    assert refused.value.field == "permissions"
    assert services.elements.permissions(BOB, made.id) == ()


def test_names_are_unique_in_a_category(services: Services, made: ElementView) -> None:
    with pytest.raises(Conflict) as refused:
        services.elements.create(CLEO, MACRO, "INTERNAL", {})
    assert refused.value.field == "name"
    other = services.elements.create(CLEO, LOOKUP, "INTERNAL", {})
    services.elements.edit(CLEO, other.id, {"name": "INTERNAL", "config": {"x": 1}})
    third = services.elements.create(CLEO, LOOKUP, "third", {})
    with pytest.raises(Conflict):
        services.elements.edit(CLEO, third.id, {"name": "INTERNAL"})


@pytest.mark.parametrize("name", ["", " x", "a\nb", "a\0b", "\ud800", "x" * 256, None, 5])
def test_names_that_are_none(services: Services, name: Any) -> None:
    with pytest.raises(InvalidInput) as refused:
        services.elements.create(BOB, MACRO, name, {})
    assert refused.value.field == "name"


@pytest.mark.parametrize("given", [{"a": float("nan")}, {"a": "\udfff"}, {"a": {1, 2}}])
def test_what_no_database_can_keep(services: Services, given: Any) -> None:
    with pytest.raises(InvalidInput) as refused:
        services.elements.create(BOB, MACRO, "M", given)
    assert refused.value.field == "config"


def test_nested_beyond_measure(services: Services) -> None:
    config: dict[str, Any] = {}
    for _ in range(100_000):
        config = {"a": config}
    with pytest.raises(InvalidInput):
        services.elements.create(BOB, MACRO, "M", config)


def test_who_is_no_user_makes_nothing(services: Services) -> None:
    with pytest.raises(Forbidden):
        services.elements.create(ANYONE, MACRO, "M", {})
    assert services.elements.create(LOCAL, MACRO, "M", {}).owner_id is None


def test_without_its_owner_it_is_for_job_masters(services: Services, made: ElementView) -> None:
    with services.database.session() as session:
        session.delete(session.get(User, 2))
    assert services.elements.list(ADA)[0] == 0
    assert services.elements.list(EVE)[0] == 1


def test_an_edit_changes_what_is_named_and_refusals_change_nothing(services: Services, made: ElementView) -> None:
    edited = services.elements.edit(BOB, made.id, {"config": {"nql": "x"}, "tags": ["t"]})
    assert (edited.name, edited.config, edited.tags) == ("INTERNAL", {"nql": "x"}, ["t"])
    assert edited.modified_at > made.modified_at

    def refuse(element: ElementView) -> None:
        assert element == edited
        raise InvalidInput("no")

    with pytest.raises(InvalidInput):
        services.elements.edit(BOB, made.id, {"config": {}}, check=refuse)
    assert services.elements.get(BOB, made.id) == edited
    assert [row[0] for row in audited(services)] == ["macro.modify", "macro.create"]


def test_another_category_is_another_thing(services: Services, made: ElementView) -> None:
    for call in (
        lambda: services.elements.get(BOB, made.id, category=LOOKUP),
        lambda: services.elements.edit(BOB, made.id, {"config": {}}, category=LOOKUP),
        lambda: services.elements.delete(BOB, made.id, LOOKUP),
        lambda: services.elements.permissions(BOB, made.id, LOOKUP),
    ):
        with pytest.raises(NotFound):
            call()


@pytest.mark.parametrize("id", ["", "x", "\0", "\ud800", "0" * 10_000])
def test_identifiers_of_nothing(services: Services, id: str) -> None:
    with pytest.raises(NotFound):
        services.elements.get(EVE, id)


def test_pages(services: Services) -> None:
    for number in range(5):
        services.elements.create(BOB, MACRO, f"m{number}", {"n": number})
    total, page = services.elements.list(BOB, offset=1, limit=2)
    assert (total, [view.name for view in page]) == (5, ["m1", "m2"])
    total, page = services.elements.list(BOB, where="config.n != 0", offset=3, limit=2**31 - 1)
    assert (total, [view.name for view in page]) == (4, ["m4"])
    assert services.elements.list(BOB, limit=0) == (5, [])
    assert services.elements.list(BOB, offset=10**30) == (5, [])
    with pytest.raises(InvalidInput):
        services.elements.list(BOB, offset=-1)


def test_content_is_read_only_when_asked_for(services: Services) -> None:
    made = services.elements.create(BOB, LOOKUP, "l", {}, content={"rows": [["1"]]})
    assert services.elements.content(BOB, made.id) == (made, {"rows": [["1"]]})
    with services.database.session(write=False) as session:
        row = session.get(Element, made.id)
        assert row is not None
        assert "content" not in row.__dict__
