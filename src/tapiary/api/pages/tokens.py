"""One's application tokens: made, renewed and revoked. A token's text is in one answer alone, nowhere else."""

from __future__ import annotations

from datetime import UTC, datetime, time

from flask import Blueprint, Response, url_for

from tapiary.accounts import TokenView
from tapiary.api.context import services
from tapiary.api.pages.forms import TokenForm, complaints
from tapiary.api.pages.render import page, see, user
from tapiary.errors import TapiaryError


def tokens() -> Response:
    """The tokens, and the form for another one."""
    return _page(TokenForm(formdata=None))


def token_create() -> Response:
    """A new token, shown this once."""
    form = TokenForm()
    if not form.validate():
        return _page(form, 400, complaints=complaints(form))
    expires_at = None
    if form.expires.data is not None:
        expires_at = datetime.combine(form.expires.data, time(23, 59, 59), UTC).timestamp()
    try:
        view, text = services().accounts.tokens.create(
            user(), form.name.data, scopes=form.scopes.data, expires_at=expires_at
        )
    except TapiaryError as error:
        return _page(form, error.status, complaints=[error.message])
    return _page(TokenForm(formdata=None), shown=(view.name, text))


def token_renew(token_id: int) -> Response:
    """Another text for a token, shown this once; the former one is void."""
    text = services().accounts.tokens.renew(user(), token_id)
    name = next((view.name for view in services().accounts.tokens.list(user()) if view.id == token_id), "")
    return _page(TokenForm(formdata=None), shown=(name, text))


def token_revoke(token_id: int) -> Response:
    """End a token."""
    services().accounts.tokens.revoke(user(), token_id)
    return see(url_for("pages.tokens"))


def _page(
    form: TokenForm,
    status: int = 200,
    *,
    shown: tuple[str, str] | None = None,
    complaints: list[str] | None = None,
) -> Response:
    rows = [_row(view) for view in services().accounts.tokens.list(user())]
    return page("tokens", status, form=form, rows=rows, shown=shown, complaints=complaints)


def _row(view: TokenView) -> dict[str, object]:
    now = datetime.now(UTC).timestamp()
    return {
        "id": view.id,
        "name": view.name,
        "scopes": ", ".join(view.scopes),
        "made": _day(view.created_at),
        "used": _day(view.last_used_at) or "never",
        "expires": _day(view.expires_at) or "never",
        "expired": view.expires_at is not None and view.expires_at <= now,
    }


def _day(seconds: float | None) -> str:
    return "" if seconds is None else datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M")


def add_routes(blueprint: Blueprint) -> None:
    """Add this module's pages."""
    blueprint.get("/tokens")(tokens)
    blueprint.post("/tokens")(token_create)
    blueprint.post("/tokens/<int:token_id>/renew")(token_renew)
    blueprint.post("/tokens/<int:token_id>/revoke")(token_revoke)
