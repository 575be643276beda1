"""Logging in and out by a browser. The cookie holds the login's identifier; the login itself is in the database."""

from __future__ import annotations

import math

from flask import Blueprint, Response, request, session, url_for

from tapiary.api.context import services
from tapiary.api.identity import LOGIN, visitor
from tapiary.api.pages.forms import LoginForm, complaints
from tapiary.api.pages.render import local, page, see
from tapiary.errors import TapiaryError, TooManyRequests


def login() -> Response:
    """The form, and what comes of it."""
    form = LoginForm()
    if request.method == "GET":
        form.next.data = local(request.args.get("next"))
        if visitor(services()) is not None:
            return see(form.next.data or url_for("pages.root"))
        return page("login", form=form)
    if not form.validate():
        return page("login", 400, form=form, complaints=complaints(form))
    try:
        return _begin(form)
    except TapiaryError as error:
        response = page("login", error.status, form=form, complaints=[error.message])
        if isinstance(error, TooManyRequests):
            response.headers["Retry-After"] = str(max(1, math.ceil(error.retry_after_s)))
        return response


def _begin(form: LoginForm) -> Response:
    logins, address = services().accounts.logins, request.remote_addr or ""
    actor = logins.check_password(form.username.data, form.password.data, address=address)
    if isinstance(former := session.get(LOGIN), str):
        logins.end(former)
    begun = logins.begin(
        actor,
        "page",
        lifetime_s=services().config.accounts.session_s,
        address=address,
        agent=request.user_agent.string,
    )
    # Nothing of the session before stays: whoever planted that knows nothing of this one.
    session.clear()
    session[LOGIN] = begun.id
    if actor.must_change_password:
        return see(url_for("pages.account"))
    return see(local(form.next.data) or url_for("pages.root"))


def logout() -> Response:
    """End the login, here and in the database."""
    if isinstance(login_id := session.get(LOGIN), str):
        services().accounts.logins.end(login_id)
    session.clear()
    return see(url_for("pages.login"))


def add_routes(blueprint: Blueprint) -> None:
    """Add this module's pages."""
    blueprint.route("/login", methods=["GET", "POST"])(login)
    blueprint.post("/logout")(logout)
