"""Mending a table's log after a power cut.

A commit is acknowledged after its log entry is on the disk, but a power cut in between can leave the newest entry, or a
fresh checkpoint, with a name and without content, and then no reader opens the table any more. Neither holds anything
that was acknowledged: the entry is put aside, the checkpoint is made again later.
"""

from __future__ import annotations

import json
from pathlib import Path

from tapiary.telemetry import logger

log = logger("store")

#: What a Parquet file begins and ends with, and the least size of one.
_MAGIC = b"PAR1"
_LEAST_BYTES = 12


def repair(log_folder: Path) -> bool:
    """Put torn ends of a log aside, as `NAME.torn`; returns whether there were any."""
    torn = [p for p in log_folder.glob("*.checkpoint*.parquet") if not _is_parquet(p)]
    if torn:
        torn += [p for p in (log_folder / "_last_checkpoint",) if p.exists()]
    entries = sorted(p for p in log_folder.glob("*.json") if p.stem.isdigit())
    if entries and not _is_json_lines(entries[-1]):
        torn.append(entries[-1])
    for path in torn:
        log.warning("%s was torn by a crash and is put aside", path)
        path.rename(path.with_name(path.name + ".torn"))
    return bool(torn)


def _is_parquet(path: Path) -> bool:
    with path.open("rb") as file:
        if file.seek(0, 2) < _LEAST_BYTES:
            return False
        file.seek(-4, 2)
        return file.read() == _MAGIC


def _is_json_lines(path: Path) -> bool:
    try:
        lines = path.read_bytes().splitlines()
        return bool(lines) and all(isinstance(json.loads(line), dict) for line in lines)
    except ValueError:
        return False
