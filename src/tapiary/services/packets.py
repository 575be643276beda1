"""The packets of any set of flows, cut out of the stored capture."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from tapiary.errors import Conflict, InternalError
from tapiary.services.filters import condition
from tapiary.services.runs import visible
from tapiary.services.views import FileView, FlowFilter

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from tapiary.services import Services

#: The flow numbers of the index rows that belong to no flow; see `schema.INDEX_COLUMNS`.
ANCHORS, CONTEXT = 0, -1


class Packets:
    """Cuts captures."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def cut(self, job_id: int, flows: FlowFilter) -> Iterator[bytes]:
        """A valid capture of the file's own format with these flows' packets, in pieces as they are read.

        Raises before the first piece: NotFound (no such job, no rows, file gone), Conflict (file changed since,
        or processed without index), InvalidInput.
        """
        from tapiary.meter import cut_packets

        wanted = condition(flows)
        run_id, view = visible(self._services, job_id)
        if not (view.summary or {}).get("index"):
            raise Conflict(
                f"job_id: job {job_id} has no packet index (meter.index was off, or the source was a stream)",
                field="job_id",
                code="no_index",
            )
        path = self._services.files.path(view, unchanged=True)
        rows = self._query(
            run_id, f"flow_id > 0 AND flow_id IN (SELECT flow_id FROM flows WHERE {wanted.sql})", wanted.params
        )
        frames = frames_of(rows)
        special = self._query(run_id, "flow_id <= 0", ())
        visible(self._services, job_id)  # rows that were replaced meanwhile may have been gone already
        return cut_packets(path.resolve(), frames, _blob(special, ANCHORS), _blob(special, CONTEXT))

    def ending(self, view: FileView) -> str:
        """The file name ending of what `cut` gives: the source's own format, unpacked."""
        return str((view.summary or {}).get("format") or "pcap")

    def _query(self, run_id: int, where: str, params: tuple[Any, ...]) -> Any:
        from tapiary.store import Selection

        sql = (
            f"SELECT flow_id, first_frame, frame_count, frames FROM packets WHERE {where} ORDER BY flow_id, first_frame"
        )
        tables = {"packets": Selection("packets", [run_id])}
        if "FROM flows" in where:
            tables["flows"] = Selection("flows", [run_id])
        return self._services.store.query(sql, params, tables=tables).fetchall()


def frames_of(rows: list[tuple[int, int, int, bytes]]) -> NDArray[np.int64]:
    """The frame numbers of index rows (`schema.INDEX_COLUMNS`: LEB128 gaps), sorted.

    All rows are decoded at once: a call of numpy for each of a hundred thousand flows would take seconds.
    Raises InternalError when the index is damaged.
    """
    import numpy as np

    if not rows:
        return np.empty(0, np.int64)
    counts = np.array([count for _, _, count, _ in rows], np.int64)
    firsts = np.array([first for _, first, _, _ in rows], np.int64)
    data = np.frombuffer(b"".join(blob for *_, blob in rows), np.uint8)
    ends = np.flatnonzero(data < 0x80)
    if len(ends) != counts.sum() - len(counts):
        raise InternalError("the packet index is damaged; process the file again", code="damaged_index")
    starts = np.concatenate((np.zeros(1, np.int64), ends[:-1] + 1))[: len(ends)]
    shifts = 7 * (np.arange(len(data)) - np.repeat(starts, ends - starts + 1))
    gaps = np.add.reduceat((data & 0x7F).astype(np.int64) << shifts, starts) if len(ends) else np.empty(0, np.int64)
    heads = np.cumsum(counts) - counts
    steps = np.zeros(counts.sum(), np.int64)
    steps[np.setdiff1d(np.arange(len(steps)), heads, assume_unique=True)] = gaps
    # One running sum over all rows; each row then starts at its own first frame.
    sums = np.cumsum(steps)
    return np.sort(sums + np.repeat(firsts - sums[heads], counts))


def _blob(rows: list[tuple[int, int, int, bytes]], flow_id: int) -> Any:
    return b"".join(blob for flow, _, _, blob in rows if flow == flow_id)
