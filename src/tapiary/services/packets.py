"""The packets of any set of flows, cut out of the stored capture."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from tapiary.errors import Conflict
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
        frames = _frames(rows)
        special = self._query(run_id, "flow_id <= 0", ())
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


def _frames(rows: list[tuple[int, int, int, bytes]]) -> NDArray[np.int64]:
    """The frame numbers of index rows, sorted."""
    import numpy as np

    from tapiary.meter import decode_frames

    parts = [np.asarray(decode_frames(first, count, blob), np.int64) for _, first, count, blob in rows]
    return np.sort(np.concatenate(parts)) if parts else np.empty(0, np.int64)


def _blob(rows: list[tuple[int, int, int, bytes]], flow_id: int) -> Any:
    return b"".join(blob for flow, _, _, blob in rows if flow == flow_id)
