"""Triggers, and the alerts that they give; times are Unix seconds, those of rows (`_ms`) milliseconds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from pytci._model import Model


@dataclass(frozen=True)
class Trigger(Model):
    """A saved query that watches for something, and what it has done. `error` says why the latest run failed."""

    id: str
    name: str
    query: str
    owner: str
    active: bool = True
    description: str = ""
    condition: Mapping[str, Any] = field(default_factory=dict)
    interval_s: int = 0
    on_new_data: bool = False
    window_s: int = 0
    by: tuple[str, ...] = ()
    cooldown_s: int | None = None
    severity: str = "Medium"
    title: str = ""
    webhooks: tuple[Mapping[str, Any], ...] = ()
    capture: Mapping[str, Any] | None = None
    created_at: float | None = None
    modified_at: float | None = None
    modified_by: str = ""
    ran_at: float | None = None
    fired_at: float | None = None
    next_at: float | None = None
    runs: int = 0
    error: str = ""
    extra: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)


@dataclass(frozen=True)
class Finding(Model):
    """An alert that a trigger would give."""

    name: str
    event_ms: int
    rows: int
    fields: Mapping[str, Any]
    extra: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)


@dataclass(frozen=True)
class Trial(Model):
    """What a trigger finds in a stretch of time."""

    _nested: ClassVar[Mapping[str, type[Model]]] = {"alerts": Finding}

    start_ms: int
    end_ms: int
    rows: int
    alerts: tuple[Finding, ...]
    seconds: float = 0.0
    left_out: int = 0
    extra: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)


@dataclass(frozen=True)
class Delivery(Model):
    """One thing that an alert set going: `kind` is capture, or the form of a webhook; `state` pending, done, failed."""

    kind: str
    to: str
    state: str
    attempts: int = 0
    status: int | None = None
    error: str = ""
    extra: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)


@dataclass(frozen=True)
class Alert(Model):
    """What a trigger has found: `fields` is the row, or the first of so many `rows`; `capture_id` its capture job."""

    _nested: ClassVar[Mapping[str, type[Model]]] = {"deliveries": Delivery}

    id: int
    at_ms: int
    event_ms: int
    trigger_id: str
    name: str
    severity: str
    fields: Mapping[str, Any]
    rows: int = 1
    owner: str = ""
    seen: bool = False
    false_positive: bool = False
    comment: str = ""
    handled_by: str = ""
    handled_at: float | None = None
    capture_id: int | None = None
    deliveries: tuple[Delivery, ...] = ()
    extra: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)
