"""One's own account: another password, another e-mail address."""

from __future__ import annotations

from flask import Blueprint, Response, request, url_for

from tapiary.api.context import services
from tapiary.api.pages.forms import EmailForm, PasswordForm, complaints
from tapiary.api.pages.render import page, see, user
from tapiary.errors import Forbidden, TapiaryError, Unauthenticated

#: What `done` may say.
_DONE = {"password": "The password has been changed; all other logins have ended.", "email": "The address is changed."}


def account() -> Response:
    """The account and its forms."""
    return _page(PasswordForm(formdata=None), EmailForm(formdata=None), done=_DONE.get(request.args.get("done", "")))


def account_change() -> Response:
    """What comes of one of the forms."""
    password, email = PasswordForm(), EmailForm()
    what = "password" if password.change_password.data else "email" if email.change_email.data else ""
    if what != "password":
        password = PasswordForm(formdata=None)
    if what != "email":
        email = EmailForm(formdata=None)
    if not what:
        return _page(password, email, 400, complaints=["The form says not what to change."])
    sent = password if what == "password" else email
    if not sent.validate():
        return _page(password, email, 400, complaints=complaints(sent))
    return _attempt(password, email, what)


def _attempt(password: PasswordForm, email: EmailForm, what: str) -> Response:
    accounts, actor = services().accounts, user()
    try:
        if what == "password":
            try:
                accounts.logins.check_password(actor.name, password.current.data, address=actor.address)
            except Unauthenticated:
                raise Forbidden("Current password: is wrong") from None
            if password.current.data == password.password.data:
                raise Forbidden("New password: is the current one")
            accounts.users.edit(actor, actor.name, password=password.password.data)
        elif actor.must_change_password:
            raise Forbidden("change the one-time password first")
        else:
            accounts.users.edit(actor, actor.name, email=email.email.data)
    except TapiaryError as error:
        return _page(password, email, error.status, complaints=[error.message])
    return see(url_for("pages.account", done=what))


def _page(
    password: PasswordForm,
    email: EmailForm,
    status: int = 200,
    *,
    done: str | None = None,
    complaints: list[str] | None = None,
) -> Response:
    view = services().accounts.users.get(user().name)
    level = services().accounts.levels.get(view.level)
    if email.email.data is None:
        email.email.data = view.email
    return page(
        "account",
        status,
        password=password,
        email=email,
        view=view,
        level=level,
        forced=user().must_change_password,
        done=done,
        complaints=complaints,
    )


def add_routes(blueprint: Blueprint) -> None:
    """Add this module's pages."""
    blueprint.get("/account")(account)
    blueprint.post("/account")(account_change)
