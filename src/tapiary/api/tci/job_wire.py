"""The services' captures as wire models, and orders out of them."""

from __future__ import annotations

from tapiary.accounts import Actor, Permission
from tapiary.api.tci import job_models as models
from tapiary.api.tci.humans import duration_in_words, size_in_words
from tapiary.api.tci.times import prague, utc
from tapiary.errors import Forbidden, InvalidInput
from tapiary.services import CaptureView, DroneShare, Order

#: Members of an order that are ours.
OPTIONS = tuple(models.JobOptions.model_fields)


def order_of(body: models.NewJob, actor: Actor) -> Order:
    """What is ordered. Raises InvalidInput and Forbidden where TCI does before it looks at what there is."""
    if body.script_name is None and not actor.has(Permission.SCRIPT_MASTER):
        if "script_name" in body.model_fields_set:
            raise InvalidInput("script_name: must name one; only SCRIPT_MASTER may do without", field="script_name")
        raise Forbidden("script_name: is missing; only SCRIPT_MASTER may order a job without a script")
    return Order(
        name=body.name,
        duration_s=body.duration,
        max_bytes=body.max_capture_data,
        drones=_lines(body),
        filter=body.filter,
        priority=body.priority,
        script_name=body.script_name,
        script_args=body.script_args or "",
        destination_id=body.destination_id,
        ndp_trim_bytes=body.ndp_trim_bytes,
        ndp_capture_all=body.ndp_capture_all,
        options={name: getattr(body, name) for name in OPTIONS},
    )


def _lines(body: models.NewJob) -> tuple[str, ...]:
    if body.drones is not None and body.lines is not None and body.drones != body.lines:
        raise InvalidInput("lines: is the old name of drones, and names others; give one of them", field="lines")
    names = body.drones if body.drones is not None else body.lines
    if not names:
        raise InvalidInput('drones: is missing or empty; give names of drones, or "*" for all', field="drones")
    return tuple(dict.fromkeys(names))


def brief_of(view: CaptureView) -> models.JobBrief:
    """A job as the list shows it."""
    return models.JobBrief.model_validate(
        {
            "id": view.id,
            "priority": view.priority,
            "owner": view.owner,
            "name": view.name,
            "status": view.status,
            "start_time": prague(view.start_time),
            "end_time": prague(view.end_time),
        }
    )


def job_of(view: CaptureView) -> models.Job:
    """A whole job."""
    brief = brief_of(view)
    return models.Job.model_validate(
        {
            **brief.model_dump(),
            "filter": view.filter,
            "duration": view.duration_s,
            "duration_human": duration_in_words(view.duration_s),
            "max_capture_data": view.max_bytes,
            "max_capture_data_human": size_in_words(view.max_bytes),
            "paused_duration": view.paused_elapsed_s,
            "paused_max_capture_data": view.paused_left_bytes,
            "status_msg": view.status_msg,
            "script_args": view.script_args,
            "script_name": view.script_name,
            "captured_data": view.captured_data,
            "captured_data_human": size_in_words(view.captured_data),
            "destination_id": view.destination_id,
            "ndp_trim_bytes": view.ndp_trim_bytes,
            "ndp_capture_all": view.ndp_capture_all,
            "drones": [_share(share) for share in view.drones],
            "archived_at": utc(view.archived_at),
            "lines": [share.name for share in view.drones],
            "created_at": prague(view.created_at),
            "options": _options(view),
            "processing": _processing(view),
            "moved_to": view.moved_to,
            "has_file": view.has_file,
        }
    )


def _share(share: DroneShare) -> dict[str, object]:
    return {
        "name": share.name,
        "color": share.color,
        "description": share.description,
        "capture_backend": share.capture_backend,
        "captured_data": share.captured_data,
        "captured_data_human": size_in_words(share.captured_data),
        "status": share.status,
        "status_msg": share.status_msg,
        "packets": share.packets,
        "dropped": share.dropped,
        "received": share.received,
        "total": share.total,
    }


def _options(view: CaptureView) -> dict[str, object]:
    """The options as they apply: those that were not given have their defaults."""
    defaults = {name: models.NewJob.model_fields[name].get_default(call_default_factory=True) for name in OPTIONS}
    return {name: view.options.get(name, default) for name, default in defaults.items()}


def _processing(view: CaptureView) -> dict[str, object] | None:
    if (found := view.processing) is None:
        return None
    return {
        "job_id": found.job_id,
        "file_name": found.file_name,
        "state": found.state,
        "flows": found.flows,
        "error": found.error,
        "progress": dict(found.progress),
    }
