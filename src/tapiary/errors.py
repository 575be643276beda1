"""The few kinds of errors that leave a room: each says whose fault it is, under a stable code and an HTTP status.

Rooms raise them; each face (command line, API dialect) shows them in its own shape, in one place.
Everything else that escapes is a bug and is shown as `InternalError`.
"""

from __future__ import annotations

from functools import partial
from typing import ClassVar, Literal


class TapiaryError(Exception):
    """An error that a user is meant to read.

    `message` is one sentence that names what was wrong and, where there is one, the way out; `field` is the name of
    the input at fault; `code` is the machine's word for it (snake_case, never changed once published).
    """

    status: ClassVar[int] = 500
    default_code: ClassVar[str] = "internal_error"

    def __init__(self, message: str, *, field: str | None = None, code: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.field = field
        self.code = code or self.default_code

    @property
    def fault(self) -> Literal["client", "server"]:
        """Who can mend it: the caller, or whoever runs the server."""
        return "client" if self.status < 500 else "server"

    def __reduce__(self) -> tuple[object, ...]:
        # Keyword-only arguments do not survive Exception's own pickling, and errors cross from worker processes.
        return (_rebuild, (type(self), self.message, self.field, self.code))


def _rebuild(kind: type[TapiaryError], message: str, field: str | None, code: str) -> TapiaryError:
    return kind(message, field=field, code=code)


class InvalidInput(TapiaryError):
    """The request, setting, file or argument is not acceptable as it is; the message names the field and the fix."""

    status = 400
    default_code = "invalid_input"


class Unauthenticated(TapiaryError):
    """No valid token came with the request."""

    status = 401
    default_code = "unauthenticated"


class Forbidden(TapiaryError):
    """The actor is known but lacks the right."""

    status = 403
    default_code = "forbidden"


class NotFound(TapiaryError):
    """The named thing does not exist."""

    status = 404
    default_code = "not_found"


class Conflict(TapiaryError):
    """The thing's present state does not allow the action."""

    status = 409
    default_code = "conflict"


class TooLarge(TapiaryError):
    """The input exceeds a limit that a setting names."""

    status = 413
    default_code = "too_large"


class TooManyRequests(TapiaryError):
    """The caller has tried too often; `retry_after_s` is how long to wait, in seconds."""

    status = 429
    default_code = "too_many_requests"

    def __init__(
        self, message: str, *, retry_after_s: float = 0.0, field: str | None = None, code: str | None = None
    ) -> None:
        super().__init__(message, field=field, code=code)
        self.retry_after_s = retry_after_s

    def __reduce__(self) -> tuple[object, ...]:
        again = partial(type(self), retry_after_s=self.retry_after_s, field=self.field, code=self.code)
        return (again, (self.message,))


class InternalError(TapiaryError):
    """Something of ours failed; the log has the details, the caller only this."""

    status = 500
    default_code = "internal_error"


class Unavailable(TapiaryError):
    """Something that is needed is missing or out of reach for now: a library, a disk, a database."""

    status = 503
    default_code = "unavailable"
