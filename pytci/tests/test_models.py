"""JSON as frozen dataclasses."""

from __future__ import annotations

import dataclasses
from datetime import datetime, timedelta, timezone

import pytest

from hive_stub import job
from pytci import Audit, Drone, Identity, Job, Live, UnexpectedAnswer


def test_members_are_called_as_on_the_wire() -> None:
    made = Job.from_json(job(5))
    assert (made.id, made.status, made.max_capture_data_human) == (5, "In progress", "50.0 kB")
    assert made.drones[0].captured_data == 1234
    assert made.extra == {}
    assert made.processing is None
    with pytest.raises(dataclasses.FrozenInstanceError):
        made.status = "Done"  # type: ignore[misc]
    assert made == Job.from_json(job(5))
    assert hash(made) == hash(Job.from_json(job(5)))


def test_unknown_members_are_kept_and_missing_ones_are_none() -> None:
    made = Job.from_json({"id": 1, "name": "n", "status": "Done", "novelty": [1]})
    assert made.extra == {"novelty": [1]}
    assert made.duration is None
    assert made.start_time is None
    assert made.started_at is None


def test_what_is_always_there_must_be_there() -> None:
    with pytest.raises(UnexpectedAnswer, match="Job without status"):
        Job.from_json({"id": 1, "name": "n"})
    with pytest.raises(UnexpectedAnswer, match="sent list where Job was due"):
        Job.from_json([])


def test_our_own_members() -> None:
    processing = {"job_id": 3, "file_name": "captures/1.pcapng", "state": "finished", "flows": 12, "error": None,
                  "progress": {"bytes": 5}}
    options = {"snaplen": 0, "interfaces": {"a": ["eth0"]}, "ring_bytes": 0, "ring_seconds": 0, "process": True,
               "live": True}
    made = Job.from_json(job(5, processing=processing, options=options, lines=["CaptureLine1"], has_file=True,
                             moved_to="", created_at="2026-11-23 09:29:00"))
    assert made.extra == {}
    assert made.processing is not None
    assert made.processing.ended
    assert made.processing.flows == 12
    assert made.options is not None
    assert made.options.interfaces == {"a": ["eth0"]}
    assert made.ordered_at is not None
    assert isinstance(hash(made), int)


def test_times_have_a_zone() -> None:
    made = Job.from_json(job(1, start_time="2026-07-01 12:00:00", end_time="2026-01-01 12:00:00",
                             archived_at="2026-07-01 12:00:00"))
    assert made.started_at is not None
    assert made.ended_at is not None
    assert made.started_at.utcoffset() == timedelta(hours=2)
    assert made.ended_at.utcoffset() == timedelta(hours=1)
    assert made.archived_time == datetime(2026, 7, 1, 12, tzinfo=timezone.utc)
    for text in ("2026-11-23T09:00:00Z", "2026-11-23T10:00:00+01:00", "2026-11-23T09:00:00"):
        assert Audit(1, "x", text).time == datetime(2026, 11, 23, 9, tzinfo=timezone.utc)


def test_labels_are_counted() -> None:
    counts = {"flows": 2, "packets": 1, "bytes": 1}
    live = Live.from_json({"flows": 5, "labels": {"DNS": counts, "TLS": counts, "Unknown": {**counts, "flows": 1}}})
    assert live.labels["DNS"].flows == 2
    assert live.labelled == 4


def test_secrets_are_not_shown() -> None:
    assert "s3cret" not in repr(Drone(name="x", status="Pending", token="s3cret"))
    assert "s3cret" not in repr(Identity("s3cret", "s3cret"))
