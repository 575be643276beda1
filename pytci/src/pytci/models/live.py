"""What drones label of a capture while it runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from pytci._model import Model

#: The label of flows that none was found for.
UNKNOWN = "Unknown"


@dataclass(frozen=True)
class LiveCount(Model):
    """Totals since the capture began; sizes are bytes."""

    flows: int = 0
    packets: int = 0
    bytes: int = 0
    extra: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)


@dataclass(frozen=True)
class LiveFlow(Model):
    """A flow as it is known so far; `first` and `last` are Unix seconds."""

    drone: str
    client: str
    server: str
    client_port: int
    server_port: int
    protocol: int
    label: str
    packets: int
    bytes: int
    first: float
    last: float
    server_name: str = ""
    extra: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)


@dataclass(frozen=True)
class LiveDrone(Model):
    """What one drone has metered; `at` is the Unix time of its latest news, `skipped_bytes` what it could not meter
    in time."""

    name: str
    flows: int = 0
    packets: int = 0
    bytes: int = 0
    skipped_bytes: int = 0
    at: float | None = None
    extra: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)


@dataclass(frozen=True)
class Live(Model):
    """Totals, counts by label, and the flows of the latest news; `final` when they are those of the finished
    processing."""

    _nested: ClassVar[Mapping[str, type[Model]]] = {"changed": LiveFlow, "drones": LiveDrone}
    _named: ClassVar[Mapping[str, type[Model]]] = {"labels": LiveCount}

    flows: int = 0
    packets: int = 0
    bytes: int = 0
    labels: Mapping[str, LiveCount] = field(default_factory=dict, hash=False)
    changed: tuple[LiveFlow, ...] = ()
    drones: tuple[LiveDrone, ...] = ()
    final: bool = False
    extra: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @property
    def labelled(self) -> int:
        """Flows that have a label other than Unknown."""
        return sum(count.flows for label, count in self.labels.items() if label != UNKNOWN)
