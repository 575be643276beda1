"""Indexes that go, with all their files."""

from __future__ import annotations

import shutil
import uuid
from pathlib import Path

from tapiary.store.part import sync_folder


def remove(folder: Path) -> None:
    """Remove an index's folder with all that is in it, in one step for whoever looks for it."""
    gone = folder.with_name(f"_dropped-{uuid.uuid4().hex}")
    try:
        folder.rename(gone)
    except FileNotFoundError:
        return
    sync_folder(folder.parent)
    shutil.rmtree(gone, ignore_errors=True)


def remove_dropped(folder: Path) -> None:
    """Remove what is left of indexes whose removal was interrupted."""
    for gone in folder.glob("_dropped-*"):
        shutil.rmtree(gone, ignore_errors=True)
