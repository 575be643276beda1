"""Every route of the app for every kind of caller: the declared right, and nothing else.

The table below is written by hand, so that a change of a right has to be made twice, and a route that is new has to be
thought of here too.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.routing import Rule
from werkzeug.test import TestResponse

from tapiary.accounts import LOCAL, Permission
from tapiary.api import create_app
from tapiary.api.identity import LOGIN
from tapiary.errors import InternalError
from tests.api.conftest import PASSWORD, Face, csrf_token, make_face

#: What a route needs: the scope of the token and a permission of the user. `open`: nothing. `own`: something else than
#: users' tokens, which are refused there.
TRACTOR = {
    "files_list": "read",
    "files_process": "write",
    "files_upload": "write",
    "files_download": "read",
    "files_delete": "write",
    "upload_create": "write",
    "upload_status": "write",
    "upload_append": "write",
    "upload_discard": "write",
    "file_status": "read",
    "file_details": "read",
    "file_statistics": "read",
    "file_statistics_labels": "read",
    "file_statistics_ip": "read",
    "file_flows_labels": "read",
    "file_flows": "read",
    "file_progress": "read",
    "file_download": "read",
    "file_pcap": "read",
    "file_export": "read",
    "file_cancel": "write",
    "file_delete": "write",
    "labels_list": "read",
    "server_status": "admin ADMIN",
}
NEEDS = {
    **{f"tractor.{name}": needs for name, needs in TRACTOR.items()},
    **{f"tractor_bare.{name}": needs for name, needs in TRACTOR.items()},
    "tci.token_get": "own",
    "tci.token_refresh": "own",
    "tci.token_delete": "read",
    "tci.users_list": "read",
    "tci.user_get": "read",
    "tci.user_create": "admin MODIFY_USERS",
    "tci.user_edit": "admin",
    "tci.user_delete": "admin MODIFY_USERS",
    "tci.levels_list": "read",
    "tci.level_get": "read",
    "tci.permissions_list": "read",
    "tci.level_create": "admin MODIFY_AUTHORIZATIONS",
    "tci.level_edit": "admin MODIFY_AUTHORIZATIONS",
    "tci.level_delete": "admin MODIFY_AUTHORIZATIONS",
    "tci.applications_list": "read",
    "tci.application_create": "admin",
    "tci.application_renew": "admin",
    "tci.application_delete": "admin",
    "tci.logs_list": "read",
    "tci.log_file": "read VIEW_LOG",
    "tci.audit_list": "admin ADMIN",
    "tci.jobs_list": "read",
    "tci.jobs_history": "read",
    "tci.job_get": "read",
    "tci.job_create": "write",
    "tci.job_stop": "write",
    "tci.job_pause": "write",
    "tci.job_resume": "write",
    "tci.job_live": "read",
    "tci.job_archive": "write",
    "tci.job_forget": "write",
    "tci.job_run": "write",
    "tci.job_script_cancel": "write",
    "tci.job_url": "read",
    "tci.job_file": "read",
    "tci.job_file_by_link": "open",
    "tci.drones_list": "read",
    "tci.drone_get": "read",
    "tci.lines_list": "read",
    "tci.line_get": "read",
    "tci.drone_queue": "read",
    "tci.drone_create": "admin ADMIN",
    "tci.drone_renew_token": "admin ADMIN",
    "tci.drone_recolor": "admin ADMIN",
    "tci.drone_delete": "admin ADMIN",
    "tci.drone_disconnect": "admin ADMIN",
    "tci.drones_disconnect": "admin ADMIN",
    "tci.drones_deactivated": "admin ADMIN",
    "tci.drone_deactivate": "admin ADMIN",
    "tci.drone_reactivate": "admin ADMIN",
    "tci.scripts_list": "read",
    "tci.script_get": "read SCRIPT_MASTER",
    "tci.script_file": "read SCRIPT_MASTER",
    "tci.script_create": "write SCRIPT_MASTER",
    "tci.script_delete": "write SCRIPT_MASTER",
    "tci.destinations_list": "read",
    "tci.destination_get": "read",
    "tci.destination_create": "write SCRIPT_MASTER",
    "tci.destination_edit": "write SCRIPT_MASTER",
    "tci.destination_delete": "write SCRIPT_MASTER",
    "tci.triggers_list": "read",
    "tci.trigger_get": "read",
    "tci.trigger_create": "write",
    "tci.trigger_edit": "write",
    "tci.trigger_delete": "write",
    "tci.trigger_run": "read",
    "tci.alerts_list": "read",
    "tci.alert_get": "read",
    "tci.alert_handle": "write",
    "tci.query": "read",
    "sycope.login": "open",
    "sycope.logout": "open",
    "sycope.doubled": "open",
    "sycope.elements_list": "read",
    "sycope.element_get": "read",
    "sycope.element_create": "write",
    "sycope.element_edit": "write",
    "sycope.element_delete": "write",
    "sycope.permissions_get": "read",
    "sycope.permissions_edit": "write",
    "sycope.index_create": "write",
    "sycope.index_get": "read",
    "sycope.index_edit": "write",
    "sycope.index_delete": "write",
    "sycope.index_inject": "write",
    "sycope.index_upload": "write",
    "sycope.lookup_create": "write",
    "sycope.lookup_get": "read",
    "sycope.lookup_edit": "write",
    "sycope.lookup_delete": "write",
    "sycope.device_additional": "write",
    "sycope.query_run": "read",
    "sycope.query_page": "read",
    "sycope.query_cancel": "read",
    "pages.static": "open",
    "pages.root": "open",
    "pages.login": "open",
    "pages.logout": "open",
    "pages.account": "read",
    "pages.account_change": "admin",
    "pages.tokens": "read",
    "pages.token_create": "admin",
    "pages.token_renew": "admin",
    "pages.token_revoke": "admin",
    "hive.parts": "own",
    "hive.receive": "own",
    "hive.complete": "own",
    **{f"wheel.{name}": "open" for name in ("page", "index", "project", "file")},
    "health": "open",
    "docs": "open",
    "openapi.doc_url": "open",
    "openapi.openapi": "open",
    "openapi.static": "open",
    "swagger.static": "open",
    "swagger.swagger": "open",
    "swagger.oauth2-redirect": "open",
}
#: Who may enter routes with an authentication of their own.
OWN = {"tci.token_get": "Basic", "tci.token_refresh": "a refresh token"}
#: Routes for who must first change a one-time password.
BEFORE_THE_CHANGE = {"tci.token_delete", "tci.user_edit", "pages.account", "pages.account_change"}
#: What stands for the parts of paths: things that are not there.
PARTS = {"filename": "style.css", "upload_id": "0" * 32, "name": "nobody", "token": "x", "job_id": "987654"}
UNSAFE = {"POST", "PUT", "PATCH", "DELETE"}


@dataclass
class Caller:
    """Somebody who asks: what they send with each request, and what they have."""

    headers: dict[str, str] = field(default_factory=dict)
    scopes: frozenset[str] = frozenset()
    permissions: int = 0
    #: Whether they are known at all.
    known: bool = True
    must_change: bool = False
    #: Logs in anew, for the headers: one of the routes ends logins.
    login: Callable[[], dict[str, str]] | None = None
    #: A browser's session instead of the headers: makes a client that is logged in.
    session: Callable[[], FlaskClient] | None = None

    def may(self, needs: str) -> bool:
        scope, _, permission = needs.partition(" ")
        bits = int(Permission[permission]) if permission else 0
        return (scope in self.scopes or "admin" in self.scopes) and self.permissions & bits == bits


@dataclass
class House:
    face: Face
    callers: dict[str, Caller]


EVERY_SCOPE = frozenset({"read", "write", "admin"})
BITS = ("MODIFY_USERS", "MODIFY_AUTHORIZATIONS", "VIEW_LOG", "JOB_MASTER", "SCRIPT_MASTER")
NAMES = (
    "nobody", "a wrong token", "a wrong scheme", "Basic", "an expired token", "a revoked token", "an ended login",
    "a refresh token", "a session that is over", "the lowest level", *BITS, "all bits but 32", "admin",
    "admin's read token", "admin's write token", "a login", "a session", "admin's session", "a one-time password",
)


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def make_callers(face: Face) -> dict[str, Caller]:
    accounts = face.services.accounts
    app = face.client.application

    def known(token: str, permissions: int = 0, scopes: frozenset[str] = EVERY_SCOPE) -> Caller:
        return Caller(bearer(token), scopes, permissions)

    def jwts(name: str) -> tuple[str, str, str]:
        from tapiary.api import jwts

        view = accounts.users.get(name)
        login = accounts.logins.begin(actor_of(face, name), "jwt", lifetime_s=600)
        with app.app_context():
            return login.id, *jwts.issue(login, view.name)

    def session(name: str) -> Callable[[], FlaskClient]:
        def client() -> FlaskClient:
            made = app.test_client()
            login = accounts.logins.begin(actor_of(face, name), "page", lifetime_s=600)
            with made.session_transaction() as stored:
                stored[LOGIN] = login.id
            return made

        return client

    def over() -> FlaskClient:
        made = app.test_client()
        login = accounts.logins.begin(actor_of(face, "low"), "page", lifetime_s=600)
        with made.session_transaction() as stored:
            stored[LOGIN] = login.id
        accounts.logins.end(login.id)
        return made

    low = face.user("low", level=100)
    callers = {"the lowest level": known(low)}
    for number, bit in enumerate(BITS, 10):
        permission = int(Permission[bit])
        callers[bit] = known(face.user(f"user{number}", level=number, permissions=permission), permission)
    callers["all bits but 32"] = known(face.user("user31", level=31, permissions=31), 31)
    callers["admin"] = known(face.user("admin"), 63)
    callers["admin's read token"] = known(face.user("admin", scopes=("read",)), 63, frozenset({"read"}))
    callers["admin's write token"] = known(face.user("admin", scopes=("write",)), 63, frozenset({"write"}))
    _, access, refresh = jwts("low")
    callers["a login"] = Caller(bearer(access), EVERY_SCOPE, login=lambda: bearer(jwts("low")[1]))
    callers["a session"] = Caller({}, EVERY_SCOPE, session=session("low"))
    callers["admin's session"] = Caller({}, EVERY_SCOPE, 63, session=session("admin"))

    def unknown(headers: dict[str, str]) -> Caller:
        return Caller(headers, known=False)

    callers["nobody"] = unknown({})
    callers["a wrong token"] = unknown(bearer("tap_1_" + "x" * 43))
    callers["a wrong scheme"] = unknown({"Authorization": f"Token {low}"})
    callers["Basic"] = unknown({"Authorization": "Basic bG93OmEgZmluZSBwYXNzd29yZA=="})
    expiring = face.user("low", expires_at=time.time() + 0.05)
    revoked = face.user("low")
    accounts.tokens.revoke(LOCAL, int(revoked.split("_")[1]))
    ended_login, ended, _ = jwts("low")
    accounts.logins.end(ended_login)
    while accounts.verify(expiring) is not None:
        time.sleep(0.02)
    callers["an expired token"] = unknown(bearer(expiring))
    callers["a revoked token"] = unknown(bearer(revoked))
    callers["an ended login"] = unknown(bearer(ended))
    callers["a refresh token"] = unknown(bearer(refresh))
    callers["a session that is over"] = Caller({}, known=False, session=over)
    face.user("fresh", level=100)
    with face.services.database.session() as db:
        from sqlalchemy import update

        from tapiary.database import User

        db.execute(update(User).where(User.name_key == "fresh").values(one_time_password=True))
    callers["a one-time password"] = Caller(
        bearer(jwts("fresh")[1]), EVERY_SCOPE, must_change=True, login=lambda: bearer(jwts("fresh")[1])
    )
    return callers


def actor_of(face: Face, name: str) -> Any:
    from tapiary.accounts import Actor

    view = face.services.accounts.users.get(name)
    return Actor(view.name, view.id, view.level)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    face = make_face(tmp_path_factory.mktemp("rights") / "data")
    yield House(face, make_callers(face))
    face.services.close()


def routes(face: Face) -> Iterator[tuple[Rule, str]]:
    for rule in face.client.application.url_map.iter_rules():
        for method in sorted((rule.methods or set()) - {"OPTIONS"}):
            yield rule, method


def path_of(rule: Rule) -> str:
    parts = {name: PARTS.get(name, "987654") for name in rule.arguments}
    path = rule.rule
    for name, part in parts.items():
        for form in (f"<{name}>", f"<int:{name}>", f"<path:{name}>"):
            path = path.replace(form, part)
    assert "<" not in path, path
    return path


def expected(endpoint: str, name: str, caller: Caller) -> str:
    """What must come of it: in (anything but a refusal), unauthenticated, forbidden."""
    needs = NEEDS[endpoint]
    if OWN.get(endpoint) == name:
        return "in"
    if needs == "open":
        return "in"
    if needs == "own" or not caller.known:
        return "unauthenticated"
    if caller.must_change and endpoint not in BEFORE_THE_CHANGE:
        return "forbidden"
    return "in" if caller.may(needs) else "forbidden"


def outcome(answer: TestResponse) -> str:
    if answer.status_code in (401, 422) or answer.headers.get("Location", "").startswith("/login"):
        return "unauthenticated"
    if answer.status_code == 403 or (answer.status_code == 303 and answer.headers["Location"] == "/account"):
        return "forbidden"
    return "in"


def test_every_route_has_an_expectation(house: House) -> None:
    assert {rule.endpoint for rule, _ in routes(house.face)} == set(NEEDS)


def test_every_caller_is_there(house: House) -> None:
    assert set(house.callers) == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_the_declared_right_and_nothing_else(house: House, name: str) -> None:
    caller = house.callers[name]
    client = caller.session() if caller.session else house.face.client.application.test_client()
    wrong = []
    for rule, method in routes(house.face):
        headers = dict(caller.headers)
        forms = rule.endpoint.startswith("pages.")
        if (caller.session or forms) and method in UNSAFE:
            page = "/" if caller.session and caller.known else "/login"
            headers["X-CSRFToken"] = csrf_token(client.get(page).text)
        answer = client.open(path_of(rule), method=method, headers=headers, buffered=True)
        wanted = expected(rule.endpoint, name, caller)
        if rule.endpoint == "pages.logout":
            wanted = "unauthenticated"  # whoever has logged out is sent to the login
        if outcome(answer) != wanted or answer.status_code >= 500:
            wrong.append((rule.endpoint, method, wanted, answer.status_code, answer.text[:200]))
        if rule.endpoint in ("pages.logout", "tci.token_delete"):
            client = caller.session() if caller.session else client
            caller.headers = caller.login() if caller.login else caller.headers
    assert wrong == []


@pytest.mark.parametrize("name", ["a session", "admin's session"])
def test_sessions_need_the_csrf_token_wherever_something_changes(house: House, name: str) -> None:
    caller = house.callers[name]
    assert caller.session is not None
    client = caller.session()
    for rule, method in routes(house.face):
        needs = NEEDS[rule.endpoint]
        checked = needs not in ("own", "open") and caller.may(needs)
        if method in UNSAFE and (checked or rule.endpoint.startswith("pages.")):
            answer = client.open(path_of(rule), method=method)
            assert answer.status_code == 400, (rule.endpoint, answer.text)
            assert "CSRF" in answer.text, rule.endpoint
            # A header of one's own carries no authority of the cookie: it is judged alone.
            if not rule.endpoint.startswith("pages."):
                answer = client.open(path_of(rule), method=method, headers=bearer("rubbish"))
                assert answer.status_code == 401, (rule.endpoint, answer.text)


def test_a_one_time_password_lets_change_itself_alone(house: House) -> None:
    client, headers = house.face.client, house.callers["a one-time password"].headers
    for name, body in (("fresh", {"password": PASSWORD}), ("low", {"password": PASSWORD}), ("@me", {"email": "a@b.c"})):
        answer = client.put(f"/api/v1/users/{name}", json=body, headers=headers)
        assert answer.status_code == 403, name
        assert "one-time" in answer.json["message"]


def test_a_route_without_a_right_stops_the_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tapiary.api.tractor import RIGHTS

    face = make_face(tmp_path / "data")
    monkeypatch.delitem(RIGHTS, "file_flows")
    with pytest.raises(InternalError, match="flows declares no right"):
        create_app(face.services)
    face.services.close()
