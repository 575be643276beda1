"""What has come into an index since a version: the times of the rows, as the log's entries tell them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tapiary.store import entries

if TYPE_CHECKING:
    from tapiary.store.log import Log


def arrived(log: Log, since: int | None) -> tuple[int, list[tuple[int, int]] | None]:
    """The version now, and the earliest and latest time of the rows of each file that was added after `since`.

    Without `since` nothing has come. The times are None when the log has forgotten what came after it.
    """
    now = log.snapshot().version
    if since is None or since >= now:
        return now, []
    times: list[tuple[int, int]] = []
    for version in range(since + 1, now + 1):
        try:
            entry = entries.read(log.log_folder, version, log.table.bounded_by)
        except FileNotFoundError:
            return now, None
        if not entry.removed:  # merging files and letting old rows go brings nothing new
            times += [(file.low, file.high) for file in entry.added]
    return now, times
