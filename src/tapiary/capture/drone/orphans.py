"""Recorders that run without a drone: ending them by hand."""

from __future__ import annotations

import time

from tapiary.capture import states
from tapiary.capture.drone import phases
from tapiary.capture.drone.agent import lock_folder
from tapiary.capture.drone.backends import backend_of
from tapiary.capture.drone.config import Settings
from tapiary.capture.drone.records import Records
from tapiary.capture.drone.shelf import Shelf

#: How long a recorder may take to write what it holds before it is killed.
PATIENCE_S = 15.0


def stop_captures(settings: Settings) -> list[int]:
    """End the recorders that a stopped drone left running; its next start sends what they captured to the hive.

    Returns the numbers of their jobs. Raises Conflict while a drone runs: it is the hive that stops jobs then.
    """
    with lock_folder(settings.folder):
        records, backend = Records(settings.folder), backend_of(settings)
        shelf = Shelf(records, backend)
        found = [record for record in records.load() if record.phase in (phases.RECORDING, phases.ENDING)]
        if found:
            time.sleep(backend.lag_s)   # what arrived until now is then with the recorders
        for record in found:
            shelf.signal(record, backend.end_signal)
            if record.phase == phases.RECORDING:
                record.phase = phases.after("stop", record.phase)
                record.outcome, record.message = states.STOPPED, "Stopped on the probe."
                records.save(record)
        deadline = time.monotonic() + PATIENCE_S
        for record in found:
            for recording in record.recordings:
                process = shelf.process(record, recording)
                while process is not None and process.alive():
                    if time.monotonic() > deadline:
                        process.signal("SIGKILL")
                    time.sleep(0.05)
        return [record.id for record in found]
