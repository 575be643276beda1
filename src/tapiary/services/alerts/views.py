"""What alerts and triggers are handed out as; times are Unix seconds unless they end in `_ms`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tapiary.services.alerts.definition import Definition


@dataclass(frozen=True, slots=True)
class TriggerView:
    """A trigger: what its owner wrote, and what it has done."""

    id: str
    owner: str
    owner_id: int | None
    definition: Definition
    created_at: float
    modified_at: float
    modified_by: str
    ran_at: float | None
    fired_at: float | None
    next_at: float | None
    runs: int
    #: Why the latest run failed, empty when it did not.
    error: str


@dataclass(frozen=True, slots=True)
class Delivery:
    """One thing that an alert sets going."""

    #: `json`, `slack`, `teams` for webhooks, `capture` for a capture job.
    kind: str
    #: The webhook's host (its whole address may be a secret), or the names of drones.
    to: str
    #: `pending`, `done` or `failed`.
    state: str
    attempts: int
    #: The HTTP status of the latest answer.
    status: int | None
    error: str


@dataclass(frozen=True, slots=True)
class AlertView:
    """An alert."""

    id: int
    at_ms: int
    event_ms: int
    trigger_id: str
    owner: str
    owner_id: int | None
    name: str
    severity: str
    #: The row that it is about.
    fields: Mapping[str, Any]
    #: How many rows it stands for.
    rows: int
    seen: bool
    false_positive: bool
    comment: str
    handled_by: str
    handled_at: float | None
    capture_id: int | None
    deliveries: tuple[Delivery, ...]


@dataclass(frozen=True, slots=True)
class WouldBe:
    """An alert that a run would write."""

    name: str
    event_ms: int
    fields: Mapping[str, Any]
    rows: int


@dataclass(frozen=True, slots=True)
class TrialView:
    """What a trial of a trigger has found."""

    start_ms: int
    end_ms: int
    #: Rows that the query gave.
    rows: int
    seconds: float
    alerts: tuple[WouldBe, ...]
    #: Alerts beyond the number that one run may write.
    left_out: int
