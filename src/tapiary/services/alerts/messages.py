"""An alert as the body of a webhook: generic JSON, Slack's form, Teams' form."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from tapiary.services.alerts.templates import title
from tapiary.services.alerts.views import AlertView

#: Fields of the row in messages for people, and the characters of a text.
MAX_FIELDS, MAX_TEXT = 20, 3000
_COLOURS = {"Critical": "attention", "High": "attention", "Medium": "warning", "Low": "accent", "Info": "default"}


def body(kind: str, alert: AlertView) -> bytes:
    """The body, as UTF-8 JSON."""
    return json.dumps(_FORMS[kind](alert), ensure_ascii=False).encode("utf-8", "replace")


def _generic(alert: AlertView) -> Mapping[str, Any]:
    return {
        "id": alert.id, "timestamp": alert.at_ms, "eventTimestamp": alert.event_ms, "triggerId": alert.trigger_id,
        "alertName": alert.name, "alertSeverity": alert.severity, "rows": alert.rows, "captureId": alert.capture_id,
        "fields": dict(alert.fields),
    }


def _slack(alert: AlertView) -> Mapping[str, Any]:
    # https://api.slack.com/reference/surfaces/formatting#escaping
    def escaped(text: str) -> str:
        return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")

    head = f"*{escaped(alert.severity)}: {escaped(alert.name)}* ({_time(alert.event_ms)})"
    lines = [f"• {escaped(name)}: {escaped(value)}" for name, value in _shown(alert)]
    return {"text": "\n".join([head, *lines])[:MAX_TEXT]}


def _teams(alert: AlertView) -> Mapping[str, Any]:
    # An Adaptive Card, as Teams' workflows ("post to a channel when a webhook request is received") take it.
    card = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "body": [
            {"type": "TextBlock", "text": f"{alert.severity}: {alert.name}"[:MAX_TEXT], "weight": "bolder",
             "wrap": True, "color": _COLOURS[alert.severity]},
            {"type": "TextBlock", "text": _time(alert.event_ms), "isSubtle": True},
            {"type": "FactSet", "facts": [{"title": name, "value": value} for name, value in _shown(alert)]},
        ],
    }
    content = {"contentType": "application/vnd.microsoft.card.adaptive", "content": card}
    return {"type": "message", "attachments": [content]}


def _shown(alert: AlertView) -> list[tuple[str, str]]:
    named = [(name, value) for name, value in alert.fields.items() if value not in (None, "", [])]
    shown = [(name, title("${value}", {"value": value})) for name, value in named[:MAX_FIELDS]]
    return [*shown, ("rows", str(alert.rows))] if alert.rows > 1 else shown


def _time(milliseconds: int) -> str:
    try:
        return datetime.fromtimestamp(milliseconds / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    except (OverflowError, OSError, ValueError):  # a row may claim any moment
        return f"{milliseconds} ms"


_FORMS: Mapping[str, Callable[[AlertView], Mapping[str, Any]]] = {
    "json": _generic, "slack": _slack, "teams": _teams}
