"""A hive's address, who we are there, and one exchange with it: tokens, repetitions, errors."""

from __future__ import annotations

import base64
from typing import Any, Protocol

import httpx

from pytci import _retry
from pytci._answers import content_of, error_of
from pytci._effects import Acquire, Plan, Request, Sleep, Wire
from pytci.errors import ConnectionFailed, PyTCIError, Timeout, Unauthorized
from pytci.models import Identity

PREFIX = "/api/v1"


class Lock(Protocol):
    """A lock of threads or of tasks; who acquires it is the executor's matter."""

    def release(self) -> None:
        """Let the next one in."""


class Session:
    """What a client knows of its hive; shared by all threads or tasks that use the client."""

    def __init__(self, host: str, port: int, scheme: str, retries: int, lock: Lock) -> None:
        self.address = address_of(host, port, scheme)
        self.retries = retries
        self.lock = lock
        self.access: str | None = None
        self.refresh: str | None = None

    def adopt(self, identity: Identity) -> Identity:
        """Use the tokens of a login or a renewal from now on."""
        self.access, self.refresh = identity.access_token, identity.refresh_token
        return identity

    def use(self, token: str | None) -> None:
        """Use an application token (or an access token) from now on; None: none."""
        if token is not None and not (token.strip() and token.isascii() and token.isprintable()):
            raise PyTCIError("the access token is no token: it is empty, or has line breaks or letters beyond ASCII")
        self.access, self.refresh = token, None

    def url(self, path: str) -> str:
        """The address of a path, or a whole address as it is."""
        return path if "://" in path else self.address + path


def address_of(host: str, port: int, scheme: str) -> str:
    """The hive's address without a path. Raises ValueError for what is no host, port or scheme."""
    if scheme not in ("http", "https"):
        raise ValueError(f"scheme must be 'http' or 'https', not {scheme!r}")
    bare = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    if not bare or any(c in "/?#@ \t\r\n" for c in bare):
        raise ValueError(f"host must be a name or an address alone, such as 'hive.example', not {host!r}")
    if not 0 < int(port) < 65536:
        raise ValueError(f"port must be from 1 to 65535, not {port!r}")
    return f"{scheme}://{f'[{bare}]' if ':' in bare else bare}:{int(port)}"


def basic(username: str, password: str) -> str:
    """The Authorization header of a login (RFC 7617, UTF-8)."""
    return "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode()


def exchange(session: Session, request: Request) -> Plan[httpx.Response]:
    """Send a request until it is answered, as often as is safe and as the session allows.

    Raises Unauthorized, NotFound … by the answer's status, ConnectionFailed and Timeout without one. A DELETE that is
    answered by 404 after its first answer was lost has done its work: that is no error.
    """
    attempt, renewed, lost = 0, False, False
    while True:
        access = session.access
        authorization = request.authorization
        if authorization is None:
            authorization = f"Bearer {access}" if access else ""
        try:
            response: httpx.Response = yield Wire(request, authorization)
        except httpx.TransportError as error:
            unsent = _retry.nothing_was_sent(error)
            safe = unsent or request.method in _retry.REPEATABLE
            if attempt >= session.retries or not safe or _retry.is_lasting(error):
                raise failure(session.url(request.path), error) from error
            lost = lost or not unsent
            seconds = _retry.pause(attempt)
        else:
            status = response.status_code
            if status < 300:
                return response
            if status == 401 and request.authorization is None and not renewed:
                renewed = True
                if (yield from renew(session, access)):
                    continue
            if lost and status == 404 and request.method == "DELETE":
                return response
            told = _retry.retry_after(response)
            seconds = _retry.pause(attempt) if told is None else told
            passing = status in _retry.PASSING and request.method in _retry.REPEATABLE and request.wait_out
            if attempt >= session.retries or not passing or seconds > _retry.LONGEST_TOLD_S:
                raise error_of(response)
        attempt += 1
        yield Sleep(seconds)


def renew(session: Session, used: str | None) -> Plan[bool]:
    """Get a new access token by the refresh token, once for all that share the session.

    used: the access token that was refused. Returns whether there is another one now.
    """
    if session.refresh is None and session.access == used:
        return False
    yield Acquire()
    try:
        if session.access != used:
            return session.access is not None
        if session.refresh is None:
            return False
        try:
            yield from _renew(session, session.refresh)
        except Unauthorized:
            session.refresh = None
            return False
        return True
    finally:
        session.lock.release()


def renew_now(session: Session) -> Plan[Identity]:
    """Get new tokens by the refresh token. Raises PyTCIError when there is none, Unauthorized when it is not valid."""
    yield Acquire()
    try:
        if session.refresh is None:
            raise PyTCIError("there is no refresh token: log in by login() first")
        return (yield from _renew(session, session.refresh))
    finally:
        session.lock.release()


def _renew(session: Session, token: str) -> Plan[Identity]:
    request = Request("POST", f"{PREFIX}/token", authorization=f"Bearer {token}")
    try:
        response = yield from exchange(session, request)
    except PyTCIError as error:
        # Flask-JWT-Extended answers 422 where a token is malformed or of the other kind.
        if getattr(error, "status", None) == 422:
            refused: Any = error
            raise Unauthorized(422, refused.error, refused.message, refused.response) from error
        raise
    return session.adopt(Identity.from_json(content_of(response)))


def failure(url: str, error: httpx.TransportError) -> PyTCIError:
    """An error of the connection in words."""
    where = url.partition("?")[0]
    if isinstance(error, httpx.TimeoutException):
        what = "no connection" if isinstance(error, (httpx.ConnectTimeout, httpx.PoolTimeout)) else "no answer"
        return Timeout(f"{where}: {what} in time")
    return ConnectionFailed(f"{where}: {str(error) or type(error).__name__}")

