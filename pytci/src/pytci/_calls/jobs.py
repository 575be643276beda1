"""Capture jobs: ordered, watched, ended."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Callable, Union

from pytci._calls._base import DroneRef, JobRef, call, drone_name, given, nothing, number, text
from pytci._effects import FOR_EVER, Plan
from pytci._model import many, one
from pytci._waiting import wait as _wait
from pytci.models import Job, JobBrief, Live, Priority

DroneRefs = Union[str, Sequence[DroneRef]]


def get_jobs(*, status: str | None = None, limit: int | None = None, before: int | None = None) -> Plan[list[JobBrief]]:
    """The jobs that are not archived: one's own, with JOB_MASTER also those of others. Empty when there are none.

    status, limit (the newest so many) and before (smaller numbers only) narrow it down on Tapiary's hives.
    """
    params = [(name, str(value)) for name, value in given(status=status, limit=limit, before=before).items()]
    return call("GET", "/jobs", many(JobBrief), params=params)


def get_job(job: JobRef) -> Plan[Job]:
    """A job with all that is known of it."""
    return call("GET", f"/jobs/{number(job)}", one(Job))


def get_job_status(job: JobRef) -> Plan[Job]:
    """A job with all that is known of it; the same as `get_job`."""
    return get_job(job)


def create_job(
    name: str,
    duration: int,
    max_capture_data: int,
    lines: DroneRefs | None = None,
    filter: str = "",
    script_name: str | None = None,
    script_args: str | None = None,
    *,
    drones: DroneRefs | None = None,
    destination_id: int | None = None,
    priority: int | str | Priority = Priority.NORMAL,
    ndp_trim_bytes: int | None = None,
    ndp_capture_all: bool | None = None,
    snaplen: int | None = None,
    interfaces: Mapping[str, Sequence[str]] | None = None,
    ring_bytes: int | None = None,
    ring_seconds: int | None = None,
    process: bool | None = None,
    live: bool | None = None,
) -> Plan[Job]:
    """Order a capture job; it starts at once when its drones are free, and waits in their queues otherwise.

    duration is seconds, max_capture_data bytes over all drones together. drones, or lines, which is their old name,
    are names or `Drone` objects; "*" is all that are connected. filter is libpcap's language, empty for everything.
    priority is a number or a name: low, normal, high, critical. Only users with SCRIPT_MASTER may leave script_name
    out.

    Tapiary's hives alone know: snaplen (bytes kept of a packet), interfaces (by drone), ring_bytes and ring_seconds
    (keep only the newest packets), process=False (no flows of it), live=False (no flows while it runs).

    Raises BadRequest with the hive's reason, such as what is wrong with the filter; ValueError without drones.
    """
    body = {
        "name": name,
        "filter": filter,
        "duration": duration,
        "max_capture_data": max_capture_data,
        "drones": _drones(lines, drones),
        "priority": _priority(priority),
    }
    optional = given(
        script_name=script_name,
        script_args=script_args,
        destination_id=destination_id,
        ndp_trim_bytes=ndp_trim_bytes,
        # Even false needs JOB_MASTER on TCI's hive, and means the same as nothing.
        ndp_capture_all=ndp_capture_all or None,
        snaplen=snaplen,
        interfaces=None if interfaces is None else {key: list(value) for key, value in interfaces.items()},
        ring_bytes=ring_bytes,
        ring_seconds=ring_seconds,
        process=process,
        live=live,
    )
    return call("POST", "/jobs", one(Job), {**body, **optional})


def stop_job(job: JobRef) -> Plan[None]:
    """Stop a job; what was captured is collected, as at the regular end."""
    return call("PUT", f"/jobs/{number(job)}", nothing, {})


def pause_job(job: JobRef) -> Plan[Job]:
    """Pause a running job until it is resumed (Tapiary's hives)."""
    return call("POST", f"/jobs/{number(job)}/pause", one(Job))


def resume_job(job: JobRef) -> Plan[Job]:
    """Resume a paused job with what is left of its limits (Tapiary's hives)."""
    return call("POST", f"/jobs/{number(job)}/resume", one(Job))


def process_job(job: JobRef) -> Plan[None]:
    """Run the job's script over what was captured; returns when the script has ended, however long that takes.

    Tapiary's hives answer sooner when the script takes long: `wait` waits for its end. Raises BadRequest with the
    reason when the script fails.
    """
    return call("PATCH", f"/jobs/{number(job)}", nothing, patience=FOR_EVER)


def cancel_script(job: JobRef) -> Plan[None]:
    """Cancel the script that runs over a job (Tapiary's hives)."""
    return call("DELETE", f"/jobs/{number(job)}/script", nothing)


def delete_job(job: JobRef) -> Plan[None]:
    """Archive a job: its files are deleted, on the hive and on the drones; it goes into the history."""
    return call("DELETE", f"/jobs/{number(job)}", nothing)


def get_jobs_history() -> Plan[list[Job]]:
    """The archived jobs."""
    return call("GET", "/jobs/history", many(Job))


def delete_job_from_history(job: JobRef) -> Plan[None]:
    """Delete an archived job for good."""
    return call("DELETE", f"/jobs/history/{number(job)}", nothing)


def generate_job_url(job: JobRef) -> Plan[str]:
    """An address where anyone who has it can download the job's file, for a day."""
    return call("GET", f"/jobs/{number(job)}/url", text("url"))


def live(job: JobRef) -> Plan[Live]:
    """What the drones have labelled of a running capture so far (Tapiary's hives and drones)."""
    return call("GET", f"/jobs/{number(job)}/live", one(Live))


def wait(
    job: JobRef,
    timeout: float | None = None,
    *,
    progress: bool | Callable[[Job], object] = False,
    processed: bool = True,
    interval: float = 1.0,
) -> Plan[Job]:
    """Wait until a job has ended, and return it as it is then.

    Its end is one of Done, Done - Files moved, To process (its script waits to be run), Archived, or Stopped for
    one that never began; with processed, also its processing into flows has ended. A hive that is away for up to
    two minutes is waited for.

    progress=True shows one line on standard error, if that is a terminal: status, bytes of each drone, labelled
    flows. A function is called with the job at each look. timeout and interval, the time between two looks, are
    seconds.

    Raises JobFailed when it has failed, or its processing has; Timeout when the time is over.
    """
    return _wait(job, timeout, progress, processed, interval)


def wait_for_job(job: JobRef, timeout: float | None = None) -> Plan[Job]:
    """Wait until a job has ended; the same as `wait` without a display."""
    return _wait(job, timeout, False, True, 1.0)


def _drones(lines: DroneRefs | None, drones: DroneRefs | None) -> Any:
    if lines is not None and drones is not None:
        raise ValueError("lines is the old name of drones: give one of them")
    chosen = drones if drones is not None else lines
    if chosen is None or len(chosen) == 0:
        raise ValueError("drones must name at least one drone (or line)")
    if chosen == "*":
        return "*"
    return [chosen] if isinstance(chosen, str) else [drone_name(each) for each in chosen]


def _priority(value: int | str | Priority) -> int:
    if isinstance(value, str):
        try:
            return int(Priority[value.strip().upper()])
        except KeyError:
            names = ", ".join(each.name.lower() for each in Priority)
            raise ValueError(f"priority must be a number or one of {names}, not {value!r}") from None
    return int(value)
