"""Runs: which rows of the Delta tables are the truth.

A Delta commit is atomic for one table only. What one processing wrote in several tables becomes visible by one
database transaction, `publish_run`, and readers go by `visible_runs`.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from tapiary.database.models import File, Run
from tapiary.errors import Conflict


class RunNotOpen(Conflict, LookupError):
    """The run is unknown, published already, or was dropped (its file was deleted) while it was being written."""

    default_code = "run_not_open"


def begin_run(session: Session, job_id: int | None, file_id: int | None) -> int:
    """Make a run in state `writing`; returns its identifier, which was never used before."""
    run = Run(job_id=job_id, file_id=file_id, state="writing", created_at=time.time())
    session.add(run)
    session.flush()
    return run.id


def publish_run(
    session: Session, run_id: int, summary: dict[str, Any], *, flows: int | None = None,
    time_start: int | None = None, time_end: int | None = None,
) -> list[int]:
    """Make the run the visible one of its file; returns the runs that it replaces, whose rows may go now.

    The rows must be committed in the Delta tables before. Raises RunNotOpen when the run is not being written.
    """
    run = session.get(Run, run_id)
    if run is None or run.state != "writing":
        raise RunNotOpen(f"run {run_id} is not being written")
    run.state, run.summary, run.flows, run.committed_at = "committed", summary, flows, time.time()
    session.flush()
    if run.file_id is None:
        return []
    replaced = list(session.scalars(
        select(Run.id).where(Run.file_id == run.file_id, Run.state == "committed", Run.id != run_id)))
    if replaced:
        session.execute(update(Run).where(Run.id.in_(replaced)).values(state="replaced"))
    file = session.get_one(File, run.file_id)
    file.run_id, file.time_start, file.time_end = run_id, time_start, time_end
    return replaced


def drop_runs(session: Session, run_ids: Iterable[int]) -> None:
    """Make runs invisible; their rows may go from the Delta tables after the commit."""
    ids = list(run_ids)
    for start in range(0, len(ids), 500):
        part = ids[start:start + 500]
        session.execute(update(Run).where(Run.id.in_(part)).values(state="dropped"))
        session.execute(update(File).where(File.run_id.in_(part)).values(run_id=None))


def live_runs(session: Session) -> set[int]:
    """The runs whose rows must stay: visible ones, and those that a job may still be writing."""
    return set(session.scalars(select(Run.id).where(Run.state.in_(("writing", "committed")))))


def visible_runs(session: Session, file_ids: Sequence[int] | None = None) -> list[int]:
    """The committed runs, of all files or of these, in ascending order."""
    query = select(Run.id).where(Run.state == "committed").order_by(Run.id)
    if file_ids is not None:
        query = query.where(Run.file_id.in_(file_ids))
    return list(session.scalars(query))
