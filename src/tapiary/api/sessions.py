"""The browser's session: a signed cookie that holds the identifier of a login, and Flask-WTF's CSRF value."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Flask

from tapiary.api.jwts import derived_key

if TYPE_CHECKING:
    from tapiary.services import Services


def set_up(app: Flask, services: Services) -> None:
    """Configure the cookie and the CSRF protection of what it gives access to.

    The cookie ends with the browser; the login that it names ends by accounts.session_idle_s and accounts.session_s.
    """
    server = services.config.server
    secure = server.tls or server.url.startswith("https://")
    app.config.update(
        SECRET_KEY=derived_key(services.secret_key, "session"),
        # With this prefix browsers take the cookie from this very host and over TLS alone (RFC 6265bis, 4.1.3.2).
        SESSION_COOKIE_NAME="__Host-tapiary" if secure else "tapiary",
        SESSION_COOKIE_PATH="/",
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_SECURE=secure,
        # The value is bound to the session, which ends soon enough.
        WTF_CSRF_TIME_LIMIT=None,
        # `security` says which requests are checked.
        WTF_CSRF_CHECK_DEFAULT=False,
    )
