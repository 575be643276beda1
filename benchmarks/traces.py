"""The two traces, made once and kept in the cache folder."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_PROJECT = Path(__file__).resolve().parents[1]
#: Raised when a generator changes, so that old traces are made again.
_FORMAT = 1


@dataclass(frozen=True)
class Trace:
    """A generated capture; `kind` is mix or ordinary."""

    kind: str
    path: Path
    facts: dict[str, int]


def default_sources() -> list[Path]:
    """The captures that the mix is made of: the reference captures beside the project, else the shipped sample."""
    corpus = _PROJECT.parent / "shared" / "corpus" / "pcap"
    found = sorted(path for path in corpus.glob("*.pcap*")) if corpus.is_dir() else []
    return found or sorted((_PROJECT / "examples").glob("*.pcap*"))


def mix(folder: Path, sources: list[Path], packets: int, say: Callable[[str], object]) -> Trace:
    """The DPI torture mix."""
    from . import mix as generator

    name = f"mix-{packets}-{len(sources)}.pcap"
    return _made(folder, "mix", name, lambda path: generator.write(path, sources, packets), say)


def ordinary(folder: Path, size: int, say: Callable[[str], object]) -> Trace:
    """Ordinary longer flows."""
    from . import ordinary as generator

    return _made(folder, "ordinary", f"ordinary-{size}.pcap", lambda path: generator.write(path, size), say)


def _made(
    folder: Path, kind: str, name: str, make: Callable[[Path], dict[str, int]], say: Callable[[str], object]
) -> Trace:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"v{_FORMAT}-{name}"
    about = path.with_suffix(".json")
    if not (path.exists() and about.exists()):
        say(f"making {path} …")
        partial = path.with_suffix(".partial")
        facts = make(partial)
        about.write_text(json.dumps(facts), "utf-8")
        os.replace(partial, path)
    return Trace(kind, path, json.loads(about.read_text("utf-8")))
