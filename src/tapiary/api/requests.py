"""Requests as the API reads them."""

from __future__ import annotations

import tempfile
from typing import IO, Any

from flask import Request, current_app


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
