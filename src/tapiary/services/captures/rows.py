"""Database rows of captures, read as views."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from sqlalchemy import select

from tapiary.capture import ARCHIVED
from tapiary.database import Capture, CaptureDrone, CapturePart, Drone, File, Job, Run, Script, User
from tapiary.services.captures.views import CaptureView, DroneShare, Processing

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from tapiary.services.hive import Parts


def views(session: Session, captures: Sequence[Capture], parts: Parts) -> list[CaptureView]:
    """The views of these captures, in their order."""
    ids = [capture.id for capture in captures]
    shares = _shares(session, ids, parts)
    users = dict(session.execute(select(User.id, User.name)).all())
    scripts = dict(session.execute(select(Script.id, Script.name)).all())
    processing = _processing(session, ids)
    return [
        CaptureView(
            id=c.id, owner=users.get(c.owner_id, ""), owner_id=c.owner_id, name=c.name, filter=c.filter,
            duration_s=c.duration_s, max_bytes=c.max_bytes, priority=c.priority, status=c.status,
            status_msg=c.status_msg, created_at=c.created_at, start_time=c.start_time, end_time=c.end_time,
            archived_at=c.archived_at, paused_elapsed_s=round(c.paused_elapsed_s),
            paused_left_bytes=c.paused_left_bytes, script_name=scripts.get(c.script_id) if c.script_id else None,
            script_args=c.script_args, destination_id=c.destination_id, ndp_trim_bytes=c.ndp_trim_bytes,
            ndp_capture_all=c.ndp_capture_all, options=c.options,
            captured_data=sum(share.captured_data for share in shares.get(c.id, ())),
            drones=tuple(shares.get(c.id, ())), processing=processing.get(c.id), moved_to=c.moved_to,
            has_file=c.status != ARCHIVED and (bool(c.result) or c.file_id is not None),
        )
        for c in captures
    ]


def _shares(session: Session, ids: list[int], parts: Parts) -> dict[int, list[DroneShare]]:
    totals: dict[tuple[int, int], int] = {}
    for part in session.scalars(select(CapturePart).where(CapturePart.capture_id.in_(ids))):
        if part.complete and part.size is not None:
            key = (part.capture_id, part.drone_id)
            totals[key] = totals.get(key, 0) + part.size
    query = (
        select(CaptureDrone, Drone).join(Drone, Drone.id == CaptureDrone.drone_id)
        .where(CaptureDrone.capture_id.in_(ids)).order_by(Drone.name)
    )
    found: dict[int, list[DroneShare]] = {}
    sizes: dict[int, dict[int, int]] = {}
    for share, drone in session.execute(query):
        total = totals.get((share.capture_id, share.drone_id))
        if share.capture_id not in sizes:
            sizes[share.capture_id] = parts.sizes(share.capture_id)
        found.setdefault(share.capture_id, []).append(DroneShare(
            drone.name, drone.color, drone.description, drone.capture_backend, share.captured_data, share.packets,
            share.dropped, share.status, share.status_msg,
            received=sizes[share.capture_id].get(share.drone_id, total or 0), total=total,
        ))
    return found


def _processing(session: Session, ids: list[int]) -> dict[int, Processing]:
    query = (
        select(Capture.id, File, Job, Run)
        .join(File, File.id == Capture.file_id).join(Job, Job.id == File.job_id).outerjoin(Run, Run.id == File.run_id)
        .where(Capture.id.in_(ids))
    )
    return {
        capture_id: Processing(job.id, file.name, job.state, run.flows if run is not None else None, job.error,
                               job.progress or {})
        for capture_id, file, job, run in session.execute(query)
    }
