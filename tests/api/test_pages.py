"""The pages as a browser sees them: forms, cookies, headers, and where they lead."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from msgspec.structs import replace
from werkzeug.test import TestResponse

from tapiary.accounts import LOCAL
from tapiary.api import create_app
from tapiary.api.identity import LOGIN
from tapiary.api.pages.render import local
from tapiary.config import Config
from tapiary.services import Services
from tests.api.conftest import PASSWORD, Face, csrf_token, make_face


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Face]:
    """A face that all tests share; users of their own keep them apart."""
    face = make_face(tmp_path_factory.mktemp("pages") / "data")
    face.user("anna", permissions=4)
    yield face
    face.services.close()


def send(client: FlaskClient, path: str, **fields: object) -> TestResponse:
    """Send a form as it is on its page."""
    page = re.sub(r"/(\d+/)?(renew|revoke)$", "", path)
    html = client.get("/login" if page == "/logout" and client.get_cookie("tapiary") is None else
                      "/" if page == "/logout" else page).text
    return client.post(path, data={"csrf_token": csrf_token(html), **fields})


def log_in(client: FlaskClient, name: str = "anna", password: str = PASSWORD, **fields: object) -> TestResponse:
    return send(client, "/login", username=name, password=password, **fields)


def browser(face: Face) -> FlaskClient:
    return face.client.application.test_client()


def cookie(client: FlaskClient) -> str:
    found = client.get_cookie("tapiary")
    assert found is not None
    return str(found.value)


def login_id(client: FlaskClient) -> str | None:
    with client.session_transaction() as session:
        value = session.get(LOGIN)
    return value if value is None else str(value)


def means(face: Face, client: FlaskClient) -> bool:
    """Whether the browser is logged in, by a route of the API."""
    status = client.get("/api/v1/users").status_code
    assert status in (200, 401)
    return status == 200


def test_logging_in_and_out(house: Face) -> None:
    client = browser(house)
    assert "Log in" in client.get("/").text
    assert not means(house, client)
    answer = log_in(client)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/")
    assert means(house, client)
    page = client.get("/").text
    assert "logged in as <strong>anna</strong>" in page
    stolen = cookie(client)
    answer = send(client, "/logout")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/login")
    assert not means(house, client)
    # Whoever copied the cookie has nothing of it any more.
    thief = browser(house)
    thief.set_cookie("tapiary", stolen)
    assert not means(house, thief)


def test_the_cookie(house: Face) -> None:
    client = browser(house)
    flags = {part.strip() for part in log_in(client).headers["Set-Cookie"].split(";")[1:]}
    assert flags == {"HttpOnly", "Path=/", "SameSite=Lax"}
    with client.session_transaction() as session:
        assert set(session) <= {LOGIN, "csrf_token"}
    assert re.fullmatch(r"[0-9a-f]{32}", login_id(client) or "")
    forged = cookie(client)[:-2] + "xx"
    thief = browser(house)
    thief.set_cookie("tapiary", forged)
    assert not means(house, thief)


@pytest.mark.parametrize("setting", ["tls", "url"])
def test_under_tls_the_cookie_is_for_tls_alone(house: Face, setting: str) -> None:
    config = house.services.config
    change = {"tls": True} if setting == "tls" else {"url": "https://hive.example"}
    services = Services(replace(config, server=replace(config.server, **change)))
    client = create_app(services).test_client()
    base = "https://hive.example"
    token = csrf_token(client.get("/login", base_url=base).text)
    data = {"username": "anna", "password": PASSWORD, "csrf_token": token}
    # Over TLS a form must come from a page of ours (Referer).
    assert client.post("/login", base_url=base, data=data).status_code == 400
    elsewhere = {"Referer": "https://elsewhere.example/"}
    assert client.post("/login", base_url=base, data=data, headers=elsewhere).status_code == 400
    answer = client.post("/login", base_url=base, data=data, headers={"Referer": f"{base}/login"})
    assert answer.status_code == 303, answer.text
    name, *flags = answer.headers["Set-Cookie"].split("; ")
    assert name.startswith("__Host-tapiary=")
    assert set(flags) == {"Secure", "HttpOnly", "Path=/", "SameSite=Lax"}
    services.close()


def test_a_session_from_before_is_not_the_one_after(house: Face) -> None:
    client = browser(house)
    client.get("/login")
    planted, planted_csrf = cookie(client), csrf_token(client.get("/login").text)
    log_in(client)
    victim = login_id(client)
    attacker = browser(house)
    attacker.set_cookie("tapiary", planted)
    assert login_id(attacker) is None
    assert not means(house, attacker)
    # A CSRF token from before is none after.
    assert client.post("/account", data={"csrf_token": planted_csrf, "change_email": "1"}).status_code == 400
    log_in_again = browser(house)
    log_in_again.set_cookie("tapiary", cookie(client))
    html = log_in_again.get("/").text
    again = log_in_again.post(
        "/login", data={"username": "anna", "password": PASSWORD, "csrf_token": csrf_token(html)}
    )
    assert again.status_code == 303
    assert login_id(log_in_again) != victim
    assert not means(house, client), "the login before has ended"


def test_wrong_logins(house: Face) -> None:
    client = browser(house)
    for name, password, status in (("anna", "wrong", 401), ("nobody", PASSWORD, 401), ("", "", 400), ("anna", "", 400)):
        answer = log_in(client, name, password)
        assert answer.status_code == status
        assert 'role="alert"' in answer.text
        assert PASSWORD not in answer.text
    assert login_id(client) is None
    assert client.post("/login", data={"username": "anna", "password": PASSWORD}).status_code == 400
    assert login_id(client) is None


def test_too_many_wrong_logins(house: Face) -> None:
    client = browser(house)
    page = csrf_token(client.get("/login").text)
    fields = {"username": "berta", "password": "wrong", "csrf_token": page}
    elsewhere = {"REMOTE_ADDR": "192.0.2.9"}
    for _ in range(house.services.config.accounts.login_attempts):
        assert client.post("/login", data=fields, environ_base=elsewhere).status_code == 401
    answer = client.post("/login", data=fields, environ_base=elsewhere)
    assert answer.status_code == 429
    assert int(answer.headers["Retry-After"]) >= 1


@pytest.mark.parametrize(
    ("address", "good"),
    [
        ("/tokens", True),
        ("/openapi/swagger#/jobs", True),
        ("/files/list?x=%2F%2Fevil.example", True),
        ("", False),
        (None, False),
        ("tokens", False),
        ("//evil.example", False),
        ("///evil.example", False),
        ("/\\evil.example", False),
        ("\\\\evil.example", False),
        ("/\t/evil.example", False),
        ("/\n/evil.example", False),
        ("\t//evil.example", False),
        (" //evil.example", False),
        ("https://evil.example", False),
        ("https:evil.example", False),
        ("javascript:alert(1)", False),
        ("/é", False),
        ("/x\r\nSet-Cookie: a=b", False),
        ("/" + "x" * 3000, False),
    ],
)
def test_where_a_login_leads(address: str | None, good: bool) -> None:
    assert local(address) == (address if good else None)


def test_logins_lead_to_where_one_wanted_to_go(house: Face) -> None:
    client = browser(house)
    answer = client.get("/account?done=email")
    assert answer.status_code == 303
    html = client.get(answer.headers["Location"]).text
    assert 'name="next" type="hidden" value="/account?done=email"' in html
    answer = log_in(client, next="/account?done=email")
    assert answer.headers["Location"] == "/account?done=email"
    # Whoever is logged in already goes on at once.
    assert client.get("/login?next=/tokens").headers["Location"] == "/tokens"
    for evil in ("//evil.example", "https://evil.example", "/\\evil.example"):
        assert client.get("/login", query_string={"next": evil}).headers["Location"] == "/"
        other = browser(house)
        assert evil not in other.get("/login", query_string={"next": evil}).text
        assert log_in(other, next=evil).headers["Location"] == "/"


def test_sessions_end_by_idleness_and_by_age(house: Face) -> None:
    from sqlalchemy import update

    from tapiary.database import Login

    config = house.services.config.accounts
    for column, ago in (("used_at", config.session_idle_s + 1), ("expires_at", config.session_s + 1)):
        client = browser(house)
        log_in(client)
        assert means(house, client)
        with house.services.database.session() as db:
            values = {column: getattr(Login, column) - ago}
            db.execute(update(Login).where(Login.id == login_id(client)).values(**values))
        fresh = Services(house.services.config)  # one that remembers nothing
        other = create_app(fresh).test_client()
        other.set_cookie("tapiary", cookie(client))
        assert not means(house, other), column
        fresh.close()


def test_changing_password_and_address(house: Face) -> None:
    house.user("carl", level=20)
    client, elsewhere = browser(house), browser(house)
    log_in(client, "carl")
    log_in(elsewhere, "carl")
    fields = {"change_password": "1", "current": PASSWORD, "password": "another password", "again": "another password"}
    for wrong, words in (
        ({"current": "wrong"}, "is wrong"),
        ({"current": ""}, "Current password"),
        ({"password": "short", "again": "short"}, "New password"),
        ({"again": "yet another"}, "is not the same"),
        ({"password": PASSWORD, "again": PASSWORD}, "is the current one"),
    ):
        answer = send(client, "/account", **{**fields, **wrong})
        assert answer.status_code in (400, 403), wrong
        assert words in answer.text
        assert PASSWORD not in answer.text
    answer = send(client, "/account", **fields)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/account?done=password")
    assert "has been changed" in client.get("/account?done=password").text
    assert means(house, client)
    assert not means(house, elsewhere), "other logins have ended"
    assert log_in(browser(house), "carl").status_code == 401
    assert log_in(browser(house), "carl", "another password").status_code == 303
    assert send(client, "/account", change_email="1", email="carl@example.com").status_code == 303
    assert house.services.accounts.users.get("carl").email == "carl@example.com"
    answer = send(client, "/account", change_email="1", email="anna@example.org")
    assert answer.status_code in (400, 409)
    assert "anna@example.org" in answer.text
    assert send(client, "/account").status_code == 400


def test_a_one_time_password_is_changed_first(tmp_path: Path) -> None:
    services = Services(Config(data_dir=str(tmp_path)))
    password = services.accounts.users.first()
    assert password is not None
    client = create_app(services).test_client()
    answer = log_in(client, "admin", password, next="/tokens")
    assert answer.headers["Location"] == "/account"
    for path in ("/tokens", "/account"):
        answer = client.get(path, follow_redirects=True)
        assert answer.request.path == "/account"
        assert "one-time password" in answer.text
    assert "E-mail" not in answer.text
    assert client.get("/api/v1/users").status_code == 403
    fields = {"change_password": "1", "current": password, "password": PASSWORD, "again": PASSWORD}
    assert send(client, "/account", **fields).status_code == 303
    assert client.get("/api/v1/users").status_code == 200
    assert client.get("/tokens").status_code == 200
    services.close()


def test_tokens_are_made_renewed_and_revoked(house: Face) -> None:
    house.user("dora", level=21)
    for view in house.services.accounts.tokens.list(LOCAL, everyone=True):
        if view.owner == "dora":
            house.services.accounts.tokens.revoke(LOCAL, view.id)
    client = browser(house)
    log_in(client, "dora")
    assert "There is none yet" in client.get("/tokens").text
    answer = send(client, "/tokens", name="<b>script</b>", scopes=["read", "write"], expires="2099-12-31")
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"
    found = re.search(r"tap_(\d+)_[A-Za-z0-9_-]{43}", answer.text)
    assert found is not None
    text, number = found[0], found[1]
    assert "<b>" not in answer.text
    page = client.get("/tokens").text
    assert text not in page, "it is shown once"
    assert "read, write" in page
    assert "2099-12-31 23:59" in page
    actor = house.services.accounts.verify(text)
    assert actor is not None
    assert (actor.name, actor.scopes) == ("dora", {"read", "write"})
    renewed = re.search(r"tap_\d+_[A-Za-z0-9_-]{43}", send(client, f"/tokens/{number}/renew").text)
    assert renewed is not None
    assert renewed[0] != text
    assert house.services.accounts.verify(text) is None
    assert house.services.accounts.verify(renewed[0]) is not None
    # Others do not get at it.
    stranger = browser(house)
    log_in(stranger)
    for act in ("renew", "revoke"):
        answer = send(stranger, f"/tokens/{number}/{act}")
        assert answer.status_code == 403
        assert "tap_" not in answer.text
    assert send(client, "/tokens", name="long", scopes=["read"], expires="9999-12-31").status_code == 200
    assert send(client, f"/tokens/{number}/revoke").status_code == 303
    assert house.services.accounts.verify(renewed[0]) is None
    assert send(client, "/tokens/999999/revoke").status_code == 404


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"name": ""}, "Name"),
        ({"name": "x" * 31}, "Name"),
        ({"scopes": []}, "at least one"),
        ({"scopes": ["root"]}, "Good for"),
        ({"expires": "yesterday"}, "Last day"),
        ({"expires": "2001-01-01"}, "future"),
        ({"expires": "10000-01-01"}, "Last day"),
    ],
)
def test_tokens_that_cannot_be(house: Face, fields: dict[str, object], words: str) -> None:
    client = browser(house)
    log_in(client)
    answer = send(client, "/tokens", **{"name": "x", "scopes": ["read"], **fields})
    assert answer.status_code == 400, answer.text
    assert words in answer.text
    assert "tap_" not in answer.text


def test_forms_need_the_csrf_token(house: Face) -> None:
    client = browser(house)
    log_in(client)
    assert client.post("/logout").status_code == 400
    assert client.post("/tokens", data={"name": "x", "scopes": ["read"]}).status_code == 400
    foreign = csrf_token(browser(house).get("/login").text)
    answer = client.post("/logout", data={"csrf_token": foreign})
    assert answer.status_code == 400
    assert answer.mimetype == "text/html"
    assert "load the page anew" in answer.text
    assert means(house, client)


def test_the_session_is_good_for_the_api_with_the_csrf_token(house: Face) -> None:
    client = browser(house)
    log_in(client)
    body = {"name": "by a page"}
    assert client.get("/api/v1/users/@me").json["username"] == "anna"
    refused = client.post("/api/v1/applications", json=body)
    assert (refused.status_code, refused.json["error"]) == (400, "bad request")
    headers = {"X-CSRFToken": csrf_token(client.get("/").text)}
    made = client.post("/api/v1/applications", json=body, headers=headers)
    assert made.status_code == 200
    # With an Authorization header that alone counts, for good and for ill.
    token = {"Authorization": f"Bearer {made.json['token']}"}
    assert client.post("/api/v1/applications", json=body, headers=token).status_code == 200
    assert client.get("/api/v1/users", headers={"Authorization": "Bearer rubbish"}).status_code == 401
    assert client.get("/api/v1/users", headers={"Authorization": ""}).status_code == 401
    wrong = {"Authorization": "Bearer rubbish", **headers}
    assert client.post("/api/v1/applications", json=body, headers=wrong).status_code == 401


class _Page(HTMLParser):
    """What a page loads, and whether its fields have labels."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.fields: set[str] = set()
        self.labels: set[str] = set()
        self.language = ""
        self.bare: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "html":
            self.language = given.get("lang", "")
        if tag in ("script", "style") or "style" in given or any(name.startswith("on") for name in given):
            self.bare.append(tag)
        if tag in ("script", "img", "iframe") and "src" in given:
            self.loads.append(given["src"])
        if tag == "link":
            self.loads.append(given["href"])
        if tag == "label":
            self.labels.add(given["for"])
        if tag == "input" and given.get("type") not in ("hidden", "submit"):
            self.fields.add(given["id"])


@pytest.mark.parametrize("path", ["/", "/login", "/account", "/tokens", "/tokens/99/renew"])
def test_pages_need_nothing_but_themselves(house: Face, path: str) -> None:
    client = browser(house)
    if path != "/login":
        log_in(client)
    answer = client.get(path) if "renew" not in path else send(client, path)
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["X-Frame-Options"] == "DENY"
    page = _Page(answer.text)
    assert page.language == "en"
    assert page.bare == [], "neither scripts nor styles in the page"
    assert page.fields <= page.labels
    assert page.loads == ["data:,", "/pages/style.css"]
    style = client.get("/pages/style.css")
    assert style.mimetype == "text/css"
    assert "url(" not in style.text
    assert "@import" not in style.text
    assert "prefers-color-scheme: dark" in style.text


def test_where_requests_need_no_token_pages_of_accounts_do(house: Face) -> None:
    config = house.services.config
    services = Services(replace(config, server=replace(config.server, anonymous=True)))
    client = create_app(services).test_client()
    assert client.get("/files/list").status_code == 200
    assert client.get("/account").headers["Location"].startswith("/login")
    assert client.get("/tokens").headers["Location"].startswith("/login")
    assert client.post("/api/v1/applications", json={"name": "x"}).status_code == 403
    assert client.get("/api/v1/audit").status_code == 403
    cross = {"Sec-Fetch-Site": "cross-site"}
    assert client.post("/files/upload?name=x.pcap", data=b"abc", headers=cross).status_code == 403
    assert client.post("/files/upload?name=x.pcap", data=b"abc").status_code == 201
    assert log_in(client).status_code == 303
    assert client.get("/account").status_code == 200
    services.close()
