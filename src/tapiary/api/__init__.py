"""The HTTP faces: one Flask app, one blueprint a dialect, one place that turns errors into answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tapiary.api.application import create_app

__all__ = ["create_app"]


def __getattr__(name: str) -> Any:
    if name != "create_app":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from tapiary.api.application import create_app

    return create_app
