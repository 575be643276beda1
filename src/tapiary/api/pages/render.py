"""Pages out of templates, and the headers that they go with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Response, make_response, redirect, render_template, request, url_for

from tapiary import __version__
from tapiary.accounts import Actor
from tapiary.api.context import actor, services
from tapiary.api.identity import visitor
from tapiary.errors import Unauthenticated

#: What a page may load and do: our style sheet, and forms that go to us.
CONTENT_SECURITY = (
    "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)
#: Longest `next`; a browser's address may be longer, but no page of ours is.
MAX_NEXT = 2000


def page(template: str, status: int = 200, **values: Any) -> Response:
    """A page; nobody on the way keeps it, as it shows who is logged in."""
    html = render_template(f"{template}.html", version=__version__, visitor=visitor(services()), **values)
    response = make_response(html, status)
    response.headers["Content-Security-Policy"] = CONTENT_SECURITY
    response.headers["Cache-Control"] = "no-store"
    return response


def see(address: str) -> Response:
    """Go on at another page, by GET."""
    response = make_response(redirect(address, 303))
    response.headers["Cache-Control"] = "no-store"
    return response


def user() -> Actor:
    """Who is logged in. Raises Unauthenticated for nobody, which `server.anonymous` lets through elsewhere."""
    if actor().user_id is None:
        raise Unauthenticated("log in first")
    return actor()


def local(address: str | None) -> str | None:
    """The address when it is a path of this server, else None.

    Browsers take `//host`, `/\\host` and these with tabs and line ends in between for other hosts, so only plain
    visible characters and a single slash at the beginning will do.
    """
    if not address or len(address) > MAX_NEXT or not address.startswith("/"):
        return None
    if address.startswith("//") or "\\" in address or not all("!" <= letter <= "~" for letter in address):
        return None
    return address


def error(status: int, message: str, headers: Mapping[str, str]) -> Response:
    """An error as a page; who must first log in, or change the password, is sent there."""
    if status == 401:
        wanted = request.full_path.rstrip("?") if request.method == "GET" else None
        return see(url_for("pages.login", next=local(wanted)))
    if status == 403 and (found := visitor(services())) is not None and found.must_change_password:
        return see(url_for("pages.account"))
    response = page("error", status, message=message)
    response.headers.extend(headers)
    return response


