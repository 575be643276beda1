"""Links that open one capture's file to everybody, for a while."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tapiary.errors import InvalidInput

if TYPE_CHECKING:
    from itsdangerous import URLSafeTimedSerializer

    from tapiary.services import Services


class Links:
    """Signed, timed tokens; nothing of them is stored."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def make(self, capture_id: int) -> str:
        """A token for the file of a capture."""
        return str(self._signer().dumps({"job_id": capture_id}))

    def read(self, token: str) -> int:
        """The capture that a token names. Raises InvalidInput."""
        from itsdangerous import BadData, SignatureExpired

        try:
            found = self._signer().loads(token, max_age=self._services.config.capture.link_s)
            return int(found["job_id"])
        except SignatureExpired:
            raise InvalidInput("token: the link is too old; ask the job's owner for a new one", field="token") from None
        except (BadData, KeyError, TypeError, ValueError):
            raise InvalidInput("token: the link is not valid", field="token") from None

    def _signer(self) -> URLSafeTimedSerializer:
        from itsdangerous import URLSafeTimedSerializer

        from tapiary.services.secret import secret_key

        return URLSafeTimedSerializer(secret_key(self._services.config.data_path), salt="tapiary-job-file")
