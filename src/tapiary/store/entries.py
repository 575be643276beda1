"""Entries of a Delta log: one JSON file a version, made here so that a commit costs the disk's time and no more.

The format is the Delta protocol's ("Actions"): a table without optional features takes entries from any writer that
numbers them without gaps and never replaces one. deltalake's own transactions read the log's tail at each commit, 30 to
100 ms after some hundred commits; these take two waits for the disk.
"""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from tapiary.errors import InternalError
from tapiary.store.part import Part, partition_in, sync_folder
from tapiary.store.tables import Table

#: Bounds of a file whose statistics do not say any: it is never left out.
LOWEST, HIGHEST = -(2**63), 2**63 - 1


@dataclass(frozen=True, slots=True)
class File:
    """A data file of a table; `low` and `high` are the bounds of the first column with statistics."""

    path: str
    size: int
    rows: int
    low: int
    high: int
    modified_ms: int


@dataclass
class Entry:
    """What one version changes."""

    added: list[File] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    info: dict[str, Any] = field(default_factory=dict)


def path_of(log_folder: Path, version: int) -> Path:
    """Where the entry of a version is."""
    return log_folder / f"{version:020}.json"


def write(log_folder: Path, version: int, actions: Sequence[Mapping[str, Any]]) -> None:
    """Make the entry of a version, whole and durable; raises FileExistsError when another writer was first."""
    temporary = log_folder / f"_commit_{uuid.uuid4()}.json.tmp"  # deltalake's name for the same thing
    try:
        with temporary.open("wb") as file:
            file.write(b"\n".join(json.dumps(a, separators=(",", ":")).encode() for a in actions))
            file.flush()
            os.fsync(file.fileno())
        os.link(temporary, path_of(log_folder, version))
    finally:
        temporary.unlink(missing_ok=True)
    sync_folder(log_folder)


def read(log_folder: Path, version: int, bounded_by: str) -> Entry:
    """The entry of a version; raises FileNotFoundError when there is none, InternalError when it is damaged."""
    path = path_of(log_folder, version)
    entry = Entry()
    try:
        for line in path.read_bytes().splitlines():
            for kind, action in json.loads(line).items():
                _take(entry, kind, action, bounded_by)
    except (ValueError, LookupError, AttributeError) as error:
        raise InternalError(f"{path} is damaged: it holds no Json of the Delta protocol") from error
    return entry


def _take(entry: Entry, kind: str, action: Any, bounded_by: str) -> None:
    if kind == "add":
        stats = json.loads(action.get("stats") or "{}")
        low, high = stats.get("minValues", {}).get(bounded_by), stats.get("maxValues", {}).get(bounded_by)
        entry.added.append(File(
            unquote(action["path"]), action["size"], stats.get("numRecords", 0), LOWEST if low is None else low,
            HIGHEST if high is None else high, action["modificationTime"]))
    elif kind == "remove":
        entry.removed.append(unquote(action["path"]))
    elif kind == "commitInfo":
        entry.info = action


def adding(part: Part, *, rearranged: bool) -> dict[str, Any]:
    """The action that adds a file."""
    return {"add": {"path": part.path, "partitionValues": part.partition, "size": part.size,
                    "modificationTime": part.written_ms, "dataChange": not rearranged, "stats": part.stats()}}


def removing(file: File, table: Table, now_ms: int, *, rearranged: bool) -> dict[str, Any]:
    """The action that removes a file."""
    return {"remove": {"path": file.path, "deletionTimestamp": now_ms, "dataChange": not rearranged, "size": file.size,
                       "extendedFileMetadata": True, "partitionValues": partition_in(table, file.path)}}
