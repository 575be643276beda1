"""What can go wrong, as exceptions; all of them are a `PyTCIError`."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import httpx

    from pytci.models import Job


class PyTCIError(Exception):
    """Anything that this library raises on purpose."""


class ConnectionFailed(PyTCIError):
    """The hive could not be reached, or the connection broke before its answer was whole."""


class Timeout(PyTCIError):
    """The hive did not answer, or a job did not end, in the time that was given."""


class UnexpectedAnswer(PyTCIError):
    """What answered does not speak as a hive does; the message says what came instead."""


class JobFailed(PyTCIError):
    """A job that was waited for ended badly; `job` is the job as it was then."""

    def __init__(self, job: Job, reason: str) -> None:
        super().__init__(job, reason)
        self.job = job
        self.reason = reason

    def __str__(self) -> str:
        return f"job {self.job.id} ({self.job.name}): {self.reason}"


class APIError(PyTCIError):
    """The hive refused.

    `status` is the HTTP status, `error` the hive's short word for it ("bad request"), `message` what it says of the
    reason, `response` the whole answer.
    """

    def __init__(self, status: int, error: str, message: str, response: httpx.Response) -> None:
        super().__init__(status, error, message, response)
        self.status = status
        self.error = error
        self.message = message
        self.response = response

    def __str__(self) -> str:
        return f"{self.message} ({self.status} {self.error})"


class BadRequest(APIError):
    """400: something that was sent is not acceptable; the message names it."""


class Unauthorized(APIError):
    """401: no token, one that is not valid (any more), or a wrong name or password."""


class Forbidden(APIError):
    """403: the user lacks the permission, or the level is too low."""


class NotFound(APIError):
    """404: there is no such thing, or not any more."""


class Conflict(APIError):
    """409: the present state does not allow it."""


class RateLimited(APIError):
    """429: too many requests; `retry_after` is in seconds, None when the hive does not say."""

    @property
    def retry_after(self) -> float | None:
        """Seconds after which to try again, as the hive says."""
        from pytci._retry import retry_after

        return retry_after(self.response)


class ServerError(APIError):
    """5xx: the hive failed, or something in front of it did."""
