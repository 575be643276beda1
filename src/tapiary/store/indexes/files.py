"""Rows of an index into files: sorted by time, those of each period in a file of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from tapiary.store.indexes.fields import BEYOND, TIMESTAMP, Rotation, periods
from tapiary.store.part import Part, PartWriter, day_of, sync_folder
from tapiary.store.table_writer import GROUP_ROWS

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    import pyarrow as pa

    from tapiary.store.indexes.fields import Layout

#: Rows of a period that are worth a file, when rows of many periods come together.
OWN_FILE_ROWS = 1024


def write(
    layout: Layout, folder: Path, name: Callable[[], str], rows: pa.Table, rotation: Rotation, compression: str = "lz4",
) -> list[Part]:
    """Write rows to new files, which are on the disk then.

    Rows of several periods, a few each, share one file in the partition without a date, so that a commit costs the same
    however scattered its rows are; merging brings them to their periods when there are enough of them.
    """
    parts: list[Part] = []
    try:
        for day, chosen in _by_period(_sorted(rows), rotation):
            parts.append(_write_one(layout, folder, name(), chosen, day, compression))
        for made in {(folder / part.path).parent for part in parts}:
            sync_folder(made)
    except BaseException:
        discard(folder, parts)
        raise
    return parts


def discard(folder: Path, parts: list[Part]) -> None:
    """Remove files that no commit names."""
    for part in parts:
        with suppress(OSError):
            (folder / part.path).unlink()


def _write_one(layout: Layout, folder: Path, name: str, rows: pa.Table, day: int | None, compression: str) -> Part:
    writer = PartWriter(layout, folder, name, None if day is None else day_of(day), compression)
    try:
        for first in range(0, rows.num_rows, GROUP_ROWS):
            writer.write(rows.slice(first, GROUP_ROWS))
        return writer.close()
    except BaseException:
        writer.discard()
        raise


def _sorted(rows: pa.Table) -> pa.Table:
    timestamps: np.ndarray[Any, np.dtype[np.int64]] = rows.column(TIMESTAMP).to_numpy()
    # Looking takes a hundredth of the time of sorting, and most of what comes is in order.
    return rows if bool((timestamps[1:] >= timestamps[:-1]).all()) else rows.sort_by(TIMESTAMP)


def _by_period(rows: pa.Table, rotation: Rotation) -> Iterator[tuple[int | None, pa.Table]]:
    import numpy as np
    import pyarrow as pa

    # Sorted by time, the rows of a period follow each other.
    timestamps: np.ndarray[Any, np.dtype[np.int64]] = rows.column(TIMESTAMP).to_numpy()
    days, firsts, counts = np.unique(periods(timestamps, rotation), return_index=True, return_counts=True)
    own = ((counts >= OWN_FILE_ROWS) | (len(days) == 1)) & (np.abs(days) < BEYOND)
    for day, first, count in zip(days[own], firsts[own], counts[own], strict=True):
        yield int(day), rows.slice(int(first), int(count))
    if not own.all():
        yield None, rows.filter(pa.array(np.repeat(~own, counts)))
