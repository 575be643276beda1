"""The page of NQL's streams and their fields."""

from __future__ import annotations

from types import ModuleType

from docs.markdown import table
from tapiary.accounts import LOCAL
from tapiary.config import Config
from tapiary.services import Services
from tapiary.services.queries import STREAMS, assets, collectors, flows, kept, learning, minutes

_INTRODUCTION = """\
What a query in NQL can begin with, beside custom indexes. Times are milliseconds since 1970 UTC. A query's range
chooses rows by their `timestamp`, its end excluded; streams whose heading says so have no range. What nothing is known
of is null, or the empty list. Raw rows have `_stream`, the stream's name, as their last field.
"""
#: Each group's title, and the module that has it, whose words stand below the title.
_GROUPS: tuple[tuple[str, ModuleType], ...] = (
    ("Flows", flows), ("Flows by the minute", minutes), ("Devices", assets), ("What the database keeps", kept),
    ("For learning", learning),
)


def streams_page() -> str:
    """Every stream with its fields by type, in groups."""
    parts = ["# Streams\n", _INTRODUCTION]
    for title, module in _GROUPS:
        parts.append(f"## {title}\n")
        parts.append(f"{(module.__doc__ or '').strip()}\n")
        parts += [_stream(name) for name in STREAMS if name in module.NAMES]
    parts.append(f"## Collectors\n\n{(collectors.__doc__ or '').strip()}\n")
    return "\n".join(parts)


def _stream(name: str) -> str:
    stream = Services(Config()).catalog(LOCAL).stream(name)
    assert stream is not None
    fields: dict[str, list[str]] = {}
    for field, kind in stream.fields.items():
        fields.setdefault(str(kind), []).append(f"`{field}`")
    rows = ([kind, ", ".join(names)] for kind, names in fields.items())
    return f"### `{name}`{'' if stream.timed else ' (no range)'}\n\n{table(('type', 'fields'), rows)}"
