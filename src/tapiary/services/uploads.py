"""Files on their way into the repository: resumable, checked, and visible only when complete."""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO

from tapiary.services.views import FileView

if TYPE_CHECKING:
    from tapiary.services import Services


class Uploads:
    """Uploads under way."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def put(self, name: str, stream: BinaryIO, *, size: int | None = None, sha256: str | None = None,
            overwrite: bool = False) -> FileView:
        """Take a whole file from a stream; it appears under its name when its last byte is safe on the disk.

        Raises InvalidInput (name, checksum, size), Conflict (name taken), TooLarge.
        """
        raise NotImplementedError
