"""The packets of any set of flows, cut out of the stored capture."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from tapiary.services.views import FlowFilter

if TYPE_CHECKING:
    from tapiary.services import Services


class Packets:
    """Cuts captures."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def cut(self, job_id: int, flows: FlowFilter) -> Iterator[bytes]:
        """A valid capture of the file's own format with these flows' packets, in pieces as they are read.

        Raises before the first piece: NotFound (no such job, no rows, file gone), Conflict (file changed since,
        or processed without index), InvalidInput.
        """
        raise NotImplementedError
