"""Flows as Parquet, CSV or newline-delimited JSON, streaming, with addresses as text."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal

from tapiary.services.views import FlowFilter

if TYPE_CHECKING:
    from tapiary.services import Services

Format = Literal["parquet", "csv", "ndjson"]
FORMATS: tuple[Format, ...] = ("parquet", "csv", "ndjson")


class Export:
    """Writes flows for other programs."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def stream(self, job_id: int, format: Format, flows: FlowFilter | None = None) -> Iterator[bytes]:
        """The job's flows in pieces. Raises before the first piece, as `Search.flows`."""
        raise NotImplementedError
