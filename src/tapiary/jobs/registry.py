"""The kinds of jobs that this process can do."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from tapiary.errors import InternalError

if TYPE_CHECKING:
    from tapiary.jobs.context import Context

#: Does one job: reports through the context, raises to fail; what it returns is not kept.
Handler = Callable[["Context", dict[str, Any]], object]

_handlers: dict[str, Handler] = {}


def register(kind: str, call: Handler) -> None:
    """Let this process do jobs of a kind; a later registration of the kind wins."""
    _handlers[kind] = call


def register_all(handlers: Mapping[str, Handler] | None) -> None:
    """Register every kind of a mapping."""
    _handlers.update(handlers or {})


def handler(kind: str) -> Callable[[Handler], Handler]:
    """Decorate a function as the handler of a kind."""

    def decorate(call: Handler) -> Handler:
        register(kind, call)
        return call

    return decorate


def kinds() -> list[str]:
    """The kinds that this process can do, sorted."""
    return sorted(_handlers)


def handler_of(kind: str) -> Handler:
    """The handler of a kind; InternalError when nobody registered it."""
    try:
        return _handlers[kind]
    except KeyError:
        raise InternalError(f"no handler for jobs of kind {kind!r}; known are: {', '.join(kinds()) or 'none'}",
                            code="unknown_job_kind") from None
