"""Every documented operation under requests made from the OpenAPI document: what comes back is what it says."""

from __future__ import annotations

import base64
import shutil
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from flask_openapi3 import OpenAPI

from tapiary.accounts import LOCAL
from tapiary.api import tci, tractor
from tests.contract.documented import check_answers
from tests.contract.house import House
from tests.services.alerts.conftest import write_alert

#: What cannot succeed here, and why.
REFUSED = {
    ("GET", "/token"): "wants name and password",
    ("POST", "/token"): "wants a refresh token",
    ("DELETE", "/token"): "ends logins, and an application token is none",
    ("POST", "/file/{job_id}/cancel"): "the job has ended",
}
TRIGGER = {"name": "many flows", "query": 'src stream="netflow"'}
SCRIPT = b'#!/bin/sh\ncp "$1" "$2"\n'


def operations() -> list[tuple[str, str]]:
    """Method and path of every documented operation; those that delete come last, so that the others find something."""
    app = OpenAPI("paths")
    tractor.register(app)
    tci.register(app)
    found = [(method.upper(), path) for path, item in app.api_doc["paths"].items() for method in item]
    return sorted(found, key=lambda operation: (operation[0] == "DELETE", operation[1], operation[0]))


class Subject:
    """An app over a folder with one of everything, and the document."""

    def __init__(self, folder: Path, sample: Path) -> None:
        self.house = house = House(folder)
        services, boss = house.services, house.boss.actor
        services.files.root.mkdir(parents=True, exist_ok=True)
        for name in ("sample.pcap", "spare.pcap"):
            shutil.copyfile(sample, services.files.root / name)
        file_job = services.ingest.process_file(services.files.root / "sample.pcap").job_id
        house.user("bob", 9)
        services.accounts.levels.create(LOCAL, level=7, name="nobody's", permissions=0)
        services.scripts.create(boss, name="mine", level=9, contents=SCRIPT, description=None)
        services.scripts.create(boss, name="spare", level=9, contents=SCRIPT, description=None)
        services.drones.create(LOCAL, "attic")
        services.config.logs_path.mkdir(parents=True, exist_ok=True)
        (services.config.logs_path / services.config.log.name).write_text("a line\n")
        done, archived, scripted = (house.capture(house.boss, script_name=script) for script in (None, None, "mine"))
        services.captures.archive(boss, archived)
        services.captures.process(boss, scripted)
        paused = self._paused()
        running, queued = (house.boss.order(duration=86_400).json["id"] for _ in range(2))
        services.files.scan()
        #: What is there, by the beginning of a path, with or without its method; the longest that fits counts.
        self.known: dict[str, dict[str, Any]] = {
            "/file": {"job_id": file_job},
            "/files/delete": {"file_name": "spare.pcap"},
            "/files/uploads": {"upload_id": services.uploads.create("part.pcap", 3).id},
            "/jobs": {"job_id": done, "token": services.captures.link(boss, done)},
            "PUT /jobs": {"job_id": queued},
            "/jobs/history": {"job_id": archived},
            "/jobs/{job_id}/script": {"job_id": scripted},
            "/jobs/{job_id}/resume": {"job_id": paused},
            "/jobs/{job_id}/pause": {"job_id": running},
            "/drones": {"name": "attic"},
            "/lines": {"name": "probe"},
            "/scripts": {"name": "spare"},
            "/destinations": {
                "destination_id": services.destinations.create(boss, "vault", str(house.destinations)).id
            },
            "/triggers": {
                "trigger_id": services.triggers.create(boss, TRIGGER).id, "query": TRIGGER["query"], "by": [],
                "condition": {}, "title": "", "webhooks": [], "capture": None, "interval_s": 60,
            },
            "/query": {
                "nql": 'src stream="netflow"', "start": None, "end": "@now", "stream": None, "parameters": {},
            },
            "/alerts": {"alert_id": write_alert(services, boss, trigger_id="t")},
            "/users": {"name": "bob"},
            "/authorizations": {"level": 7},
            "/applications": {"application_id": services.accounts.tokens.create(boss, "spare")[0].id},
            "/logs": {"name": services.config.log.name},
        }
        #: The same for members of bodies and for parameters.
        self.values: dict[str, Any] = {
            "file_name": "sample.pcap", "drones": ["probe"], "lines": ["probe"], "script_name": None,
            "destination_id": None, "interfaces": {}, "priority": 0, "ndp_capture_all": False, "ndp_trim_bytes": 0,
            "filter": "udp", "duration": 10, "max_capture_data": 1_000_000, "ip": "10.0.0.0/8",
            "file_contents": base64.b64encode(SCRIPT).decode(), "authorization_level": 9, "color": "#123456",
            "path": str(house.destinations), "password": "long enough 1", "expires_at": None, "id": None,
        }
        self._count = count(1)
        self.schema = schemathesis.openapi.from_wsgi("/openapi/openapi.json", house.app)

    def _paused(self) -> int:
        """A job that a user has paused."""
        house = self.house
        job_id = int(house.boss.order().json["id"])
        house.probe.capturing(job_id)
        house.boss.post(f"/jobs/{job_id}/pause")
        house.probe.update(job_id, "Paused")
        house.probe.say("Sleeping")
        return job_id

    def token(self) -> str:
        """A token that no earlier request has ended."""
        return self.house.services.accounts.tokens.create(self.house.boss.actor, "schemathesis")[1]

    def fill_in(self, case: Any) -> None:
        """Let a request speak of what is there, and call what it makes by a new name."""
        path, number = case.path.removeprefix("/api/v1"), next(self._count)
        values = {
            **self.values, "name": f"name {number}", "username": f"user {number}", "email": f"{number}@example.org",
        }
        for known in sorted(self.known, key=len):
            if path.startswith(known) or f"{case.method} {path}".startswith(known):
                values |= self.known[known]
        case.path_parameters.update({name: values[name] for name in set(case.path_parameters) & set(values)})
        for part in (case.body, case.query):
            if isinstance(part, dict):
                part.update({name: values[name] for name in set(part) & set(values) - {"name"}})
                if "name" in part:
                    part["name"] = f"name {number}"
                part.pop("level", None)
        if path == "/jobs" and isinstance(case.body, dict):  # which takes one of two names, as no schema says
            case.body.setdefault("drones", ["probe"])
        if "upload_id" in case.path_parameters and case.method == "PATCH":
            case.headers["Upload-Offset"], case.body = "0", b"abc"


@pytest.fixture(scope="module")
def subject(tmp_path_factory: pytest.TempPathFactory, sample: Path) -> Iterator[Subject]:
    made = Subject(tmp_path_factory.mktemp("schemathesis"), sample)
    yield made
    made.house.services.close()


@schemathesis.serializer("application/offset+octet-stream")
def octets(_context: Any, value: Any) -> Any:
    return value


def test_all_operations_of_the_document_are_tried(subject: Subject) -> None:
    document = subject.house.boss.client.get("/openapi/openapi.json").json
    assert document is not None
    there = {(method.upper(), path) for path, item in document["paths"].items() for method in item}
    there = {(method, path) for method, path in there if not path.startswith("/npm/")}  # test_sycope_schemathesis.py
    assert there == {(method, f"/api/v1{path.removeprefix('/api/v1')}") for method, path in operations()}


@pytest.mark.parametrize(("method", "path"), operations())
def test_answers_are_as_documented(subject: Subject, method: str, path: str) -> None:
    succeeds = (method, path.removeprefix("/api/v1")) not in REFUSED
    check_answers(subject.schema[path][method], subject.token(), subject.fill_in, succeeds=succeeds)
