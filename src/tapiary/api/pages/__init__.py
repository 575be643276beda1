"""Pages for people: the first page, logging in and out, one's account, one's application tokens.

Plain HTML forms: they work without JavaScript and load nothing from elsewhere.
"""

from __future__ import annotations

from flask import Blueprint, Flask

from tapiary.accounts import READ, Right
from tapiary.api.dialect import PUBLIC, Dialect
from tapiary.api.pages.render import error

__all__ = ["dialect", "register"]

RIGHTS: dict[str, Right | None] = {
    "static": PUBLIC,
    "root": PUBLIC,
    "login": PUBLIC,
    "logout": PUBLIC,
    "account": READ,
    "account_change": Right("admin"),
    "tokens": READ,
    "token_create": Right("admin"),
    "token_renew": Right("admin"),
    "token_revoke": Right("admin"),
}


def dialect() -> Dialect:
    """How the app guards these pages."""
    return Dialect(RIGHTS, error, unready=frozenset({"account", "account_change"}), forms=True)


def register(app: Flask) -> None:
    """Add the pages to the app."""
    from tapiary.api.pages import account, login, root, tokens

    blueprint = Blueprint(
        "pages", __name__, template_folder="templates", static_folder="static", static_url_path="/pages"
    )
    for module in (root, login, account, tokens):
        module.add_routes(blueprint)
    app.register_blueprint(blueprint)
