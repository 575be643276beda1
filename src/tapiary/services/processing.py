"""One attempt at processing one file: what happens between a claimed job and visible rows."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, BinaryIO

from tapiary.errors import NotFound
from tapiary.services.fingerprint import Fingerprint, fingerprint
from tapiary.services.started import Started
from tapiary.services.tally import Tally
from tapiary.telemetry import counter, logger

if TYPE_CHECKING:
    from tapiary.config import MeterConfig
    from tapiary.jobs import Context
    from tapiary.meter import MeterResult, MeterRun, Progress
    from tapiary.services import Services
    from tapiary.store import RunWriter

log = logger("services")


class Processing:
    """Processes one file for one job. `source`: a stream in the place of its path, or a run that has begun on it."""

    def __init__(
        self,
        services: Services,
        context: Context,
        file_id: int,
        meter: MeterConfig,
        source: BinaryIO | Started | None = None,
    ) -> None:
        self._services = services
        self._context = context
        self._file_id = file_id
        self._meter = meter
        self._source = source
        self._tally = Tally()

    def run(self) -> None:
        """Meter, enrich, write, publish, then drop the rows that were replaced.

        Raises NotFound (file gone), InvalidInput (no capture), jobs.Cancelled. Work that an earlier attempt at the
        same job has published is not done again; what it left unpublished is removed.
        """
        done = self._published()
        if done is not None:
            self._tell_done(done)
            self._drop(self._invisible())
            return
        metering, found = self._open()
        try:
            run_id = self._begin()
            writer = self._services.store.writer(run_id, self._context.job_id)
        except BaseException:
            metering.close()
            raise
        try:
            result = self._write(writer, metering)
            writer.commit()
            replaced = self._publish(run_id, self._summary(result, found), result)
        except BaseException:
            self._abandon(run_id, writer)
            raise
        finally:
            writer.close()
        counter("services", "files_processed").add()
        log.info(
            "job %d: %d packets, %d flows in %.2f s", self._context.job_id, result.packets, result.flows, result.seconds
        )
        self._drop(replaced)

    def _published(self) -> dict[str, Any] | None:
        """The summary of what an earlier attempt at this job has published."""
        from sqlalchemy import select

        from tapiary.database import Run

        with self._services.database.session(write=False) as session:
            done = select(Run).where(Run.job_id == self._context.job_id, Run.state.in_(("committed", "replaced")))
            run = session.scalars(done.limit(1)).first()
            return None if run is None else run.summary or {}

    def _tell_done(self, summary: dict[str, Any]) -> None:
        """Tell the progress that the interrupted attempt ended with."""
        from tapiary.meter import Progress

        if summary:
            size = summary["bytes"]
            self._tell(Progress(size, summary["packets"], summary["flows"], size, summary["seconds"]))

    def _invisible(self) -> list[int]:
        """The file's former runs, whose rows an interrupted attempt may not have dropped."""
        from sqlalchemy import select

        from tapiary.database import Run

        with self._services.database.session(write=False) as session:
            query = select(Run.id).where(Run.file_id == self._file_id, Run.state.in_(("replaced", "dropped")))
            return list(session.scalars(query))

    def _open(self) -> tuple[MeterRun, Fingerprint | None]:
        """The run of the meter, begun, and what its file was like before; None for a stream."""
        from tapiary.meter import meter

        if isinstance(self._source, Started):
            return self._source.run, self._source.found
        if self._source is not None:
            return meter(self._source, self._meter), None
        path = self._services.files.path(self._services.files.by_id(self._file_id)).resolve()
        found = fingerprint(path)
        return meter(path, self._meter), found

    def _begin(self) -> int:
        from sqlalchemy import select

        from tapiary.database import File, Run, begin_run, drop_runs

        with self._services.database.session() as session:
            file = session.get(File, self._file_id)
            if file is None:
                raise NotFound("the file was deleted before it was processed", field="file_name")
            # Only one job of a file works at a time (jobs.Queue.claim): whatever is still being written died.
            stale = list(session.scalars(select(Run.id).where(Run.file_id == file.id, Run.state == "writing")))
            drop_runs(session, stale)
            run_id = begin_run(session, self._context.job_id, file.id)
        self._drop(stale)
        return run_id

    def _write(self, writer: RunWriter, run: MeterRun) -> MeterResult:
        enricher = self._services.enricher
        enricher.open()     # while metering goes on
        run.follow(self._tell, self._context.cancelled)
        try:
            for flows, index in run:
                self._context.check()
                if flows is not None and flows.num_rows:
                    flows = enricher.enrich(flows)
                    self._tally.add(flows)
                    writer.write("flows", flows)
                if index is not None and index.num_rows:
                    writer.write("packets", index)
            self._context.check()  # a meter that stopped because it was told to has ended early
            return run.result
        finally:
            run.close()

    def _tell(self, progress: Progress) -> None:
        seconds = max(progress.seconds, 1e-6)
        left = None
        if progress.total_bytes and progress.bytes:
            left = round(max(progress.total_bytes - progress.bytes, 0) * seconds / progress.bytes, 1)
        self._context.progress(
            {
                "bytes": progress.bytes,
                "total_bytes": progress.total_bytes,
                "packets": progress.packets,
                "flows": progress.flows,
                "seconds": round(progress.seconds, 3),
                "packets_per_s": round(progress.packets / seconds),
                "seconds_left": left,
            }
        )

    def _summary(self, result: MeterResult, found: Fingerprint | None) -> dict[str, Any]:
        return {
            "packets": result.packets,
            "bytes": result.bytes,
            "flows": result.flows,
            "labels": dict(result.labels),
            "anomalies": dict(result.anomalies),
            "link_types": dict(result.link_types),
            "non_ip": dict(result.non_ip),
            "not_flows": dict(result.not_flows),
            "time_start": _seconds(result.time_start),
            "time_end": _seconds(result.time_end),
            "seconds": result.seconds,
            "format": result.format,
            "compression": result.compression,
            **self._tally.summary(),
            "index": self._meter.index and found is not None,
            "quick_hash": found.quick_hash if found else None,
        }

    def _publish(self, run_id: int, summary: dict[str, Any], result: MeterResult) -> list[int]:
        from tapiary.database import publish_run

        with self._services.database.session() as session:
            self._context.guard(session)
            try:
                return publish_run(
                    session, run_id, summary, flows=result.flows, time_start=result.time_start, time_end=result.time_end
                )
            except LookupError:
                raise NotFound("the file was deleted while it was processed", field="file_name") from None

    def _abandon(self, run_id: int, writer: RunWriter) -> None:
        """Leave no rows behind; what fails here is swept later."""
        from tapiary.database import drop_runs

        try:
            writer.abort()
            with self._services.database.session() as session:
                drop_runs(session, [run_id])
            self._drop([run_id])
        except Exception:
            log.warning("job %d: rows of run %d are left to the sweep", self._context.job_id, run_id, exc_info=True)

    def _drop(self, run_ids: list[int]) -> None:
        """Remove the rows of runs that nobody sees any more; they are invisible already, so failing is no harm."""
        if not run_ids:
            return
        started = time.perf_counter()
        try:
            self._services.store.drop_runs(run_ids)
        except Exception:
            log.warning("rows of runs %s are left to the sweep", run_ids, exc_info=True)
        log.debug("dropped runs %s in %.3f s", run_ids, time.perf_counter() - started)


def _seconds(microseconds: int | None) -> float | None:
    return None if microseconds is None else microseconds / 1e6
