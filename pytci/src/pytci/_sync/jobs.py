# Written by tools/make_methods.py: change the calls that it follows from, then run it.
"""Capture jobs: ordered, watched, ended."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Callable

from pytci._calls import jobs as _calls
from pytci._calls._base import JobRef
from pytci._calls.jobs import DroneRefs
from pytci._runners import SyncRunner
from pytci.models import Job, JobBrief, Live, Priority


class Jobs(SyncRunner):
    """Capture jobs: ordered, watched, ended."""

    def get_jobs(
        self,
        *,
        status: str | None = None,
        limit: int | None = None,
        before: int | None = None,
    ) -> list[JobBrief]:
        """The jobs that are not archived: one's own, with JOB_MASTER also those of others. Empty when there are none.

        status, limit (the newest so many) and before (smaller numbers only) narrow it down on Tapiary's hives.
        """
        return self._run(_calls.get_jobs(status=status, limit=limit, before=before))

    def get_job(self, job: JobRef) -> Job:
        """A job with all that is known of it."""
        return self._run(_calls.get_job(job))

    def get_job_status(self, job: JobRef) -> Job:
        """A job with all that is known of it; the same as `get_job`."""
        return self._run(_calls.get_job_status(job))

    def create_job(
        self,
        name: str,
        duration: int,
        max_capture_data: int,
        lines: DroneRefs | None = None,
        filter: str = '',
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
    ) -> Job:
        """Order a capture job; it starts at once when its drones are free, and waits in their queues otherwise.

        duration is seconds, max_capture_data bytes over all drones together. drones, or lines, which is their old name,
        are names or `Drone` objects; "*" is all that are connected. filter is libpcap's language, empty for everything.
        priority is a number or a name: low, normal, high, critical. Only users with SCRIPT_MASTER may leave script_name
        out.

        Tapiary's hives alone know: snaplen (bytes kept of a packet), interfaces (by drone), ring_bytes and ring_seconds
        (keep only the newest packets), process=False (no flows of it), live=False (no flows while it runs).

        Raises BadRequest with the hive's reason, such as what is wrong with the filter; ValueError without drones.
        """
        return self._run(_calls.create_job(
            name,
            duration,
            max_capture_data,
            lines,
            filter,
            script_name,
            script_args,
            drones=drones,
            destination_id=destination_id,
            priority=priority,
            ndp_trim_bytes=ndp_trim_bytes,
            ndp_capture_all=ndp_capture_all,
            snaplen=snaplen,
            interfaces=interfaces,
            ring_bytes=ring_bytes,
            ring_seconds=ring_seconds,
            process=process,
            live=live,
        ))

    def stop_job(self, job: JobRef) -> None:
        """Stop a job; what was captured is collected, as at the regular end."""
        return self._run(_calls.stop_job(job))

    def pause_job(self, job: JobRef) -> Job:
        """Pause a running job until it is resumed (Tapiary's hives)."""
        return self._run(_calls.pause_job(job))

    def resume_job(self, job: JobRef) -> Job:
        """Resume a paused job with what is left of its limits (Tapiary's hives)."""
        return self._run(_calls.resume_job(job))

    def process_job(self, job: JobRef) -> None:
        """Run the job's script over what was captured; returns when the script has ended, however long that takes.

        Tapiary's hives answer sooner when the script takes long: `wait` waits for its end. Raises BadRequest with the
        reason when the script fails.
        """
        return self._run(_calls.process_job(job))

    def cancel_script(self, job: JobRef) -> None:
        """Cancel the script that runs over a job (Tapiary's hives)."""
        return self._run(_calls.cancel_script(job))

    def delete_job(self, job: JobRef) -> None:
        """Archive a job: its files are deleted, on the hive and on the drones; it goes into the history."""
        return self._run(_calls.delete_job(job))

    def get_jobs_history(self) -> list[Job]:
        """The archived jobs."""
        return self._run(_calls.get_jobs_history())

    def delete_job_from_history(self, job: JobRef) -> None:
        """Delete an archived job for good."""
        return self._run(_calls.delete_job_from_history(job))

    def generate_job_url(self, job: JobRef) -> str:
        """An address where anyone who has it can download the job's file, for a day."""
        return self._run(_calls.generate_job_url(job))

    def live(self, job: JobRef) -> Live:
        """What the drones have labelled of a running capture so far (Tapiary's hives and drones)."""
        return self._run(_calls.live(job))

    def wait(
        self,
        job: JobRef,
        timeout: float | None = None,
        *,
        progress: bool | Callable[[Job], object] = False,
        processed: bool = True,
        interval: float = 1.0,
    ) -> Job:
        """Wait until a job has ended, and return it as it is then.

        Its end is one of Done, Done - Files moved, To process (its script waits to be run), Archived, or Stopped for
        one that never began; with processed, also its processing into flows has ended. A hive that is away for up to
        two minutes is waited for.

        progress=True shows one line on standard error, if that is a terminal: status, bytes of each drone, labelled
        flows. A function is called with the job at each look. timeout and interval, the time between two looks, are
        seconds.

        Raises JobFailed when it has failed, or its processing has; Timeout when the time is over.
        """
        return self._run(_calls.wait(job, timeout, progress=progress, processed=processed, interval=interval))

    def wait_for_job(self, job: JobRef, timeout: float | None = None) -> Job:
        """Wait until a job has ended; the same as `wait` without a display."""
        return self._run(_calls.wait_for_job(job, timeout))
