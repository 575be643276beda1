"""Logins by LDAP, against a real OpenLDAP server."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tapiary.accounts import LOCAL, Accounts
from tapiary.accounts.ldap_client import escape_dn, escape_filter
from tapiary.config import AccountsConfig, LdapConfig
from tapiary.database import Database
from tapiary.errors import Conflict, Unauthenticated, Unavailable
from tests.accounts.slapd import BASE, NAMES, PASSWORD, Slapd, dn

MASTERS = f"cn=masters,ou=Groups,{BASE}"
Build = Callable[..., Accounts]


@pytest.fixture(scope="module")
def slapd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Slapd]:
    server = Slapd(tmp_path_factory.mktemp("slapd"))
    server.start()
    yield server
    server.stop()


@pytest.fixture
def build(database: Database, slapd: Slapd) -> Build:
    """Accounts over the directory, with changes of the settings; there are the levels 1, 5 and 10."""

    def make(**changes: Any) -> Accounts:
        settings = {"uri": slapd.uri, "user_dn": f"uid={{name}},ou=People,{BASE}", "base_dn": BASE, **changes}
        accounts = Accounts(database, AccountsConfig(login_attempts=5), LdapConfig(**settings))
        accounts.users.first(password=False)
        if len(accounts.levels.list()) == 1:
            accounts.levels.create(LOCAL, level=5, name="Masters", permissions=8)
            accounts.levels.create(LOCAL, level=10, name="Users", permissions=0)
        return accounts

    return make


def login(accounts: Accounts, name: str, password: str = PASSWORD) -> int:
    """The level of the user who logged in."""
    return accounts.logins.check_password(name, password, address="192.0.2.1").level


def test_the_first_login_makes_a_user(build: Build) -> None:
    accounts = build()
    actor = accounts.logins.check_password("Anna", PASSWORD, address="192.0.2.1")
    view = accounts.users.get("anna")
    assert (view.id, view.ldap, view.email, view.level, view.has_password) == (
        actor.user_id, True, "anna@example.org", 10, False)
    assert not actor.must_change_password
    assert accounts.logins.check_password("ANNA", PASSWORD, address="").user_id == view.id
    (row,) = accounts.audit.list(user="Anna")
    assert (row.action, row.means, row.address, row.details) == (
        "user.create", "ldap", "192.0.2.1", {"level": 10, "ldap": True})
    begun = accounts.logins.begin(actor, "jwt", lifetime_s=60)
    assert (accounts.logins.actor(begun.id) or LOCAL).name == "Anna"


@pytest.mark.parametrize("name", [name for name in NAMES if name != "admin"])
def test_every_name_gets_in_by_its_own_password(build: Build, name: str) -> None:
    accounts = build()
    assert login(accounts, name) == 10
    with pytest.raises(Unauthenticated):
        login(accounts, name, "wrong")


@pytest.mark.parametrize(
    ("name", "password"),
    [
        ("nobody", PASSWORD), ("anna", "wrong"), ("anna", ""), ("anna", " "), ("*", PASSWORD), ("a*", PASSWORD),
        ("anna)(uid=*", PASSWORD), ("anna,ou=People", PASSWORD), ("anna\0", PASSWORD), ("anna ", PASSWORD),
        ("", PASSWORD), ("", ""), ("System", PASSWORD), ("x" * 300, PASSWORD), ("anna", "\udcff"), ("anna", "\u00ad"),
    ],
)
def test_nobody_else_gets_in(build: Build, name: str, password: str) -> None:
    accounts = build()
    with pytest.raises(Unauthenticated):
        login(accounts, name, password)
    assert [view.name for view in accounts.users.list()] == ["admin"]


def test_only_the_required_group_gets_in(build: Build) -> None:
    accounts = build(required_group="tci-users")
    assert login(accounts, "anna") == 10
    with pytest.raises(Unauthenticated):
        login(accounts, "bert")
    assert login(build(required_group=f"CN=TCI-users,ou=Groups,{BASE}"), "anna") == 10
    with pytest.raises(Unauthenticated):
        login(build(required_group="cn=others"), "anna")


@pytest.mark.parametrize(
    ("settings", "levels"),
    [
        ({}, {"anna": 10, "bert": 10, "carl": 10}),
        ({"levels": {MASTERS: 5, "cn=admins": 1}}, {"anna": 5, "bert": 10, "carl": 1}),
        ({"levels": {"cn=ADMINS": 1}, "default_level": 5}, {"anna": 5, "bert": 5, "carl": 1}),
        ({"levels": {"cn=admins": 3, MASTERS: 5}}, {"anna": 5, "bert": 10, "carl": 5}),
        ({"default_level": 7}, {"anna": 10}),
    ],
    ids=["lowest", "groups", "default", "missing", "missing default"],
)
def test_groups_give_levels(build: Build, settings: dict[str, Any], levels: dict[str, int]) -> None:
    accounts = build(**settings)
    assert {name: login(accounts, name) for name in levels} == levels


def test_the_directory_is_heeded_at_each_login(build: Build, slapd: Slapd) -> None:
    accounts = build(levels={"cn=masters": 5})
    assert login(accounts, "anna") == 5
    session = accounts.logins.begin(
        accounts.logins.check_password("anna", PASSWORD, address=""), "jwt", lifetime_s=60)
    slapd.modify(f"dn: {MASTERS}\nchangetype: modify\ndelete: member\nmember: {dn('anna')}\n\n"
                 f"dn: {dn('anna')}\nchangetype: modify\nreplace: mail\nmail: new@example.org\n")
    try:
        assert login(accounts, "anna") == 10
        assert accounts.users.get("anna").email == "new@example.org"
        assert (accounts.logins.actor(session.id) or LOCAL).level == 10
        assert accounts.audit.list(action="user.edit")[0].details == {
            "fields": ["level", "email"], "level": 10, "ldap": True}
    finally:
        slapd.modify(f"dn: {MASTERS}\nchangetype: modify\nadd: member\nmember: {dn('anna')}\n\n"
                     f"dn: {dn('anna')}\nchangetype: modify\nreplace: mail\nmail: anna@example.org\n")


def test_an_address_that_is_anothers_keeps_nobody_out(build: Build) -> None:
    accounts = build()
    accounts.users.edit(LOCAL, "admin", email="ANNA@example.org")
    assert login(accounts, "anna") == 10
    assert accounts.users.get("anna").email == ""


def test_users_made_here_are_never_the_directorys(build: Build) -> None:
    accounts = build()
    with pytest.raises(Unauthenticated):
        login(accounts, "admin")  # in both, without a password here
    accounts.users.create(LOCAL, username="anna", email="", password="another one", level=5)
    with pytest.raises(Unauthenticated):
        login(accounts, "anna")
    assert login(accounts, "anna", "another one") == 5


def test_a_password_here_makes_it_a_user_of_ours(build: Build) -> None:
    accounts = build()
    actor = accounts.logins.check_password("anna", PASSWORD, address="")
    with pytest.raises(Conflict, match="by LDAP"):
        accounts.users.edit(actor, "anna", password="another one")
    accounts.users.edit(LOCAL, "anna", password="another one")
    assert not accounts.users.get("anna").ldap
    with pytest.raises(Unauthenticated):
        login(accounts, "anna")
    assert login(accounts, "anna", "another one") == 10


def test_ldaps_and_starttls(build: Build, slapd: Slapd) -> None:
    for host in ("localhost", "127.0.0.1"):
        assert login(build(uri=f"ldaps://{host}:{slapd.tls_port}", ca_file=slapd.ca_file), "anna") == 10
    assert login(build(start_tls=True, ca_file=slapd.ca_file), "anna") == 10


def test_a_certificate_that_does_not_fit_is_refused(build: Build, slapd: Slapd) -> None:
    for changes in (
        {"uri": f"ldaps://127.0.0.1:{slapd.tls_port}"},  # nobody vouches for this CA
        {"uri": f"ldaps://127.0.0.2:{slapd.tls_port}", "ca_file": slapd.ca_file},  # another host's name
        {"start_tls": True},
        {"start_tls": True, "ca_file": "/nonexistent"},
    ):
        with pytest.raises(Unavailable, match="does not answer as it should"):
            login(build(**changes), "anna")


def test_a_server_that_is_down_is_not_the_users_fault(build: Build) -> None:
    with socket.socket() as taken:  # bound, and nobody listens
        taken.bind(("127.0.0.1", 0))
        accounts = build(uri=f"ldap://127.0.0.1:{taken.getsockname()[1]}")
        for _ in range(10):
            with pytest.raises(Unavailable) as caught:
                login(accounts, "anna")
    assert caught.value.code == "ldap_unavailable"
    accounts.users.create(LOCAL, username="bert", email="", password="another one", level=5)
    assert login(accounts, "bert", "another one") == 5


@pytest.mark.parametrize("changes", [{"scheme": "ldap"}, {"scheme": "ldaps"}, {"scheme": "ldap", "start_tls": True}])
def test_a_server_that_says_nothing_is_given_up(build: Build, slapd: Slapd, changes: dict[str, Any]) -> None:
    changes = dict(changes)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        uri = f"{changes.pop('scheme')}://127.0.0.1:{silent.getsockname()[1]}"
        accounts = build(uri=uri, ca_file=slapd.ca_file, timeout_s=0.5, **changes)
        start = time.monotonic()
        with pytest.raises(Unavailable):
            login(accounts, "anna")
        assert time.monotonic() - start < 10


def test_settings_that_find_nobody_let_nobody_in(build: Build) -> None:
    for changes in ({"user_filter": "(uid=x{name})"}, {"user_filter": "(objectClass=*)"},
                    {"base_dn": "dc=other"}, {"base_dn": f"ou=Groups,{BASE}"}):
        with pytest.raises(Unauthenticated):
            login(build(**changes), "anna")
    with pytest.raises(Unavailable):
        login(build(user_filter="(uid="), "anna")


def test_escaping() -> None:
    assert escape_dn("plain name") == "plain name"
    assert escape_dn('a,b+c"d\\e<f>g;h=i') == "a\\2Cb\\2Bc\\22d\\5Ce\\3Cf\\3Eg\\3Bh\\3Di"
    assert escape_dn("# a#b ") == "\\23 a#b\\20"
    assert escape_dn(" ") == "\\20"
    assert escape_dn("\0ž") == "\\00ž"
    assert escape_filter("a*(b)\\c\0ž") == "a\\2a\\28b\\29\\5cc\\00ž"
