"""JSON Web Tokens: the access and refresh tokens of a login, by Flask-JWT-Extended.

They are signed with HS256 alone. Each names its login, so that ending the login ends them; a refresh token also names
the one renewal that it is good for.
"""

from __future__ import annotations

import hashlib
import hmac
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from flask import Flask, request
from flask_jwt_extended import (
    JWTManager,
    create_access_token,
    create_refresh_token,
    decode_token,
    get_jwt,
    verify_jwt_in_request,
)
from flask_jwt_extended.exceptions import JWTExtendedException
from jwt import PyJWTError

if TYPE_CHECKING:
    from tapiary.accounts import Actor, LoginView
    from tapiary.services import Services

ALGORITHM = "HS256"
LOGIN, RENEWAL = "login", "renewal"


def derived_key(key: bytes, purpose: str) -> str:
    """A key for one purpose, so that what is signed for one is never good for another."""
    return hmac.new(key, f"tapiary {purpose}".encode(), hashlib.sha256).hexdigest()


def set_up(app: Flask, services: Services) -> None:
    """Configure the library; its own error answers `{"msg"}` are those of TCI's refresh route."""
    accounts = services.config.accounts
    app.config.update(
        JWT_SECRET_KEY=derived_key(services.secret_key, "jwt"),
        JWT_ALGORITHM=ALGORITHM,
        JWT_DECODE_ALGORITHMS=[ALGORITHM],
        JWT_TOKEN_LOCATION=["headers"],
        JWT_COOKIE_CSRF_PROTECT=False,
        JWT_ACCESS_TOKEN_EXPIRES=timedelta(seconds=accounts.access_token_s),
        JWT_REFRESH_TOKEN_EXPIRES=timedelta(seconds=accounts.refresh_token_s),
    )
    JWTManager(app)


def issue(login: LoginView, name: str) -> tuple[str, str]:
    """An access and a refresh token of a login."""
    return (
        create_access_token(name, additional_claims={LOGIN: login.id}),
        create_refresh_token(name, additional_claims={LOGIN: login.id, RENEWAL: login.refresh_id}),
    )


def refresh_claims() -> tuple[str, str]:
    """Login and renewal that the request's refresh token names; the library answers what is no good one."""
    verify_jwt_in_request(refresh=True)
    claims = get_jwt()
    return str(claims.get(LOGIN)), str(claims.get(RENEWAL))


def actor_of(services: Services, token: str) -> Actor | None:
    """Whose access token this is; None when it is none, has expired, or its login has ended."""
    try:
        claims: dict[str, Any] = decode_token(token)
    except (PyJWTError, JWTExtendedException):
        return None
    login_id = claims.get(LOGIN)
    if claims.get("type") != "access" or not isinstance(login_id, str):
        return None
    return services.accounts.logins.actor(login_id, address=request.remote_addr or "")
