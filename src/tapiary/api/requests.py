"""Requests as the API reads them: forms on the repository's disk, JSON as deep as it may be."""

from __future__ import annotations

import tempfile
from typing import IO, Any

from flask import Request, current_app
from flask.json.provider import DefaultJSONProvider


class TapiaryRequest(Request):
    """A request whose form files go to the repository's disk: /tmp may be small, and may be memory."""

    def _get_file_stream(
        self,
        total_content_length: int | None,
        content_type: str | None,
        filename: str | None = None,
        content_length: int | None = None,
    ) -> IO[bytes]:
        services: Any = current_app.extensions["tapiary"]
        folder = services.uploads.folder()
        return tempfile.TemporaryFile(dir=folder, prefix="form-")


class TapiaryJSON(DefaultJSONProvider):
    """Flask's JSON, to which what is nested too deeply is no JSON."""

    def loads(self, s: str | bytes, **kwargs: Any) -> Any:
        """The value of a text. Raises ValueError."""
        try:
            return super().loads(s, **kwargs)
        except RecursionError:
            raise ValueError("nested too deeply") from None
