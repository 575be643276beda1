"""The whole way on real parts: a hive, a drone on the loopback interface, traffic, and this client."""

from __future__ import annotations

import http.server
import os
import re
import shutil
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pytci import BadRequest, Forbidden, Job, PyTCI, PyTCIError, Unauthorized

HERE = Path(__file__).parent


def need(there: object, what: str) -> None:
    """Skip without it; fail in CI, where everything is there."""
    if not there:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(what)


class Hive:
    """`tapiary serve` over a folder, and its first administrator."""

    def __init__(self, folder: Path) -> None:
        self.environ = {name: value for name, value in os.environ.items() if not name.startswith("TAPIARY_")}
        self.environ |= {"TAPIARY_DATA_DIR": str(folder / "data"), "TAPIARY_SERVER_PORT": "0"}
        self.folder = folder
        self.process = self.run("serve", log="hive.log")
        said = self.read("hive.log", r"password: (\S+)")
        self.password = said[1]
        self.port = int(self.read("hive.log", r"serves http://127\.0\.0\.1:(\d+)")[1])
        self.drone: subprocess.Popen[bytes] | None = None

    def run(self, *words: str, log: str, **more: str) -> subprocess.Popen[bytes]:
        """Start a command of Tapiary's."""
        with (self.folder / log).open("wb") as out:
            return subprocess.Popen([sys.executable, "-m", "tapiary.cli", *words], cwd=self.folder, stdout=out,
                                    stderr=subprocess.STDOUT, env={**self.environ, **more})

    def read(self, log: str, pattern: str) -> re.Match[str]:
        """Wait until a log says something."""
        end = time.monotonic() + 60
        while time.monotonic() < end:
            text = (self.folder / log).read_text()
            if found := re.search(pattern, text):
                return found
            time.sleep(0.05)
        raise AssertionError(text)

    def capture_with(self, token: str) -> None:
        """Start a drone on the loopback interface."""
        words = ("drone", "--hive", f"http://127.0.0.1:{self.port}", "--interface", "lo")
        self.drone = self.run(*words, log="drone.log", TAPIARY_DRONE_TOKEN=token,
                              TAPIARY_DATA_DIR=str(self.folder / "drone"))

    def stop(self) -> None:
        """End what was started, what is still being recorded too."""
        for process in (self.drone, self.process):
            if process is not None:
                process.terminate()
                process.wait(30)
        if self.drone is not None:
            self.run("drone", "--stop-captures", log="stop.log", TAPIARY_DATA_DIR=str(self.folder / "drone")).wait(60)


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hive]:
    pytest.importorskip("tapiary", reason="no Tapiary beside this")
    pytest.importorskip("flask", reason="Tapiary is here without its server")
    hive = Hive(tmp_path_factory.mktemp("hive"))
    yield hive
    hive.stop()


@pytest.fixture(scope="module")
def admin(real: Hive) -> Iterator[PyTCI]:
    """The first administrator, logged in for good."""
    with PyTCI("127.0.0.1", real.port) as tci:
        tci.login("admin", real.password)
        with pytest.raises(Forbidden, match="one-time password"):
            tci.get_jobs()
        tci.edit_user("@me", password="a better password")
        tci.login("admin", "a better password")
        yield tci


def test_accounts(admin: PyTCI, real: Hive) -> None:
    admin.create_authorization_level(5, "Guests", 0)
    made = admin.create_user("eva", "eva@example.org", "long enough", 5)
    assert admin.get_user("eva") == made
    assert {user.username for user in admin.get_users()} == {"admin", "eva"}
    assert {p.name for p in admin.get_permissions()} >= {"VIEW_LOG", "JOB_MASTER"}
    with PyTCI("127.0.0.1", real.port) as eva:
        eva.login("eva", "long enough")
        assert eva.get_me() == made
        assert eva.refresh_token().identity == made
        with pytest.raises(Forbidden):
            eva.create_drone("mine")
        application = eva.create_application("laptop")
        eva.logout()
        with pytest.raises(Unauthorized):
            eva.get_me()
        assert application.token
        eva.set_access_token(application.token)
        assert eva.get_me() == made
        assert eva.get_jobs() == []
        assert [each.id for each in eva.get_applications()] == [application.id]
        eva.set_access_token(eva.regenerate_application_token(application.id))
        assert eva.get_me() == made
    assert admin.edit_user("eva", email="e@example.org").email == "e@example.org"
    admin.delete_user("eva")
    admin.edit_authorization_level(5, name="Nobody")
    assert admin.get_authorization_level(5).name == "Nobody"
    admin.delete_authorization_level(5)
    assert admin.audit(limit=1)[0].action == "level.delete"


def test_queries(admin: PyTCI) -> None:
    nql = 'src stream="testdata" | aggr n=count(1), oldest=max(age) by dep as dep unwind=true | sort dep'
    rows = admin.query(nql, "rows")
    assert sum(row["n"] for row in rows) == 12
    assert [row["dep"] for row in rows] == ["Finance", "HR", "IT", "Sales"]
    pytest.importorskip("pyarrow")
    assert admin.query(nql).to_pylist() == rows
    placed = admin.query('dep = "${DEP}"', "rows", stream="testdata", parameters={"DEP": "HR"})
    assert {row["fName"] for row in placed} == {"Eva", "Sofia"}
    with pytest.raises(BadRequest, match="line 1, column"):
        admin.query("agr x", "rows")


def test_scripts_destinations_and_logs(admin: PyTCI, tmp_path: Path) -> None:
    made = admin.create_script("hello", 1, b"#!/bin/sh\necho hello > $2/hello\n", "says hello")
    assert made.contents.startswith(b"#!/bin/sh")
    assert admin.get_script("hello") == made
    assert admin.download_script("hello", tmp_path).read_bytes() == made.contents
    assert "hello" in {script.name for script in admin.get_scripts()}
    admin.delete_script("hello")
    with pytest.raises(BadRequest):
        admin.get_script("hello")
    with pytest.raises(BadRequest, match="path"):
        admin.create_destination("nowhere", "/nowhere/at/all")
    assert admin.get_destinations() == []
    for log in admin.get_logs():
        assert admin.download_log(log.name, tmp_path).exists()


def test_from_an_order_to_flows(admin: PyTCI, real: Hive, tmp_path: Path) -> None:
    need(shutil.which("tcpdump"), "tcpdump is not installed")
    need(hasattr(os, "geteuid") and os.geteuid() == 0, "capturing needs root here")
    token = admin.create_drone("CaptureLine1", "the loopback interface").token
    assert token
    real.capture_with(token)
    end = time.monotonic() + 60
    while admin.get_drone("CaptureLine1").status != "Sleeping":
        assert time.monotonic() < end, (real.folder / "drone.log").read_text()
        time.sleep(0.1)
    with pytest.raises(BadRequest, match="filter"):
        admin.create_job("wrong", 10, 1000, ["CaptureLine1"], filter="tcp porrt 80")

    example = (HERE / "documented_example.py").read_text(encoding="utf-8")
    application = admin.create_application("example").token
    assert application
    for placeholder, word in (("8080", str(real.port)), ("<token generated via web interface>", application)):
        example = example.replace(placeholder, word)
    said = subprocess.run([sys.executable, "-c", example], capture_output=True, text=True, check=False, timeout=60,
                          env={**os.environ, "PYTHONPATH": str(HERE.parent / "src")})
    assert (said.stdout, said.stderr) == ("In progress\n", "")
    (first,) = admin.get_jobs(status="In progress")
    admin.stop_job(first)
    assert admin.wait(first, timeout=120).name == "My new job!"

    web = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page)
    threading.Thread(target=web.serve_forever, daemon=True).start()
    port = web.server_address[1]
    job = admin.create_job("My new job!", 60, 50_000_000, lines=["CaptureLine1"], filter=f"tcp port {port}")
    assert isinstance(job, Job)
    try:
        while admin.get_job(job).captured_data < 10_000:
            assert time.monotonic() < end + 60
            assert urllib.request.urlopen(f"http://127.0.0.1:{port}/").read() == Page.TEXT
            time.sleep(0.1)
    finally:
        web.shutdown()
        web.server_close()
    admin.stop_job(job)
    looks: list[str] = []
    done = admin.wait(job, timeout=120, progress=lambda each: looks.append(each.status))
    assert done.status == "Done"
    assert looks[-1] == "Done"
    assert done.processing is not None
    assert done.processing.state == "finished"
    assert done.extra == {}
    assert done.drones[0].extra == {}
    assert done.started_at is not None
    assert job.id in {brief.id for brief in admin.get_jobs()}

    rows = admin.flows(done, "rows")
    assert len(rows) == done.processing.flows
    assert {row["label"] for row in rows} == {"HTTP"}
    assert {row["server_port"] for row in rows} == {port}
    assert admin.flows(done, "rows", label="DNS") == []
    for as_, library in (("arrow", "pyarrow"), ("pandas", "pandas"), ("polars", "polars")):
        try:
            __import__(library)
        except ImportError:
            continue
        assert len(admin.flows(done, as_, label="HTTP", columns=["label", "server_ip"])) == len(rows)

    whole = admin.download_job(done, tmp_path)
    assert whole.name == "My_new_job.pcapng"
    shared = admin.download_job_from_url(admin.generate_job_url(done), tmp_path / "shared")
    assert shared.read_bytes() == whole.read_bytes()
    resumed(admin, done, whole, tmp_path / "resumed")
    one = admin.packets(done, tmp_path / "one.pcapng", flow=rows[0]["flow_id"])
    assert 0 < one.stat().st_size < whole.stat().st_size
    assert admin.live(done).final

    admin.delete_job(done)
    assert [old.id for old in admin.get_jobs_history()] == [job.id]
    admin.delete_job_from_history(done)
    assert admin.get_jobs_history() == []
    assert [brief.id for brief in admin.get_jobs()] == [first.id]
    with pytest.raises(PyTCIError):
        admin.get_job(done)


def resumed(admin: PyTCI, job: Job, whole: Path, target: Path) -> None:
    """A download that was broken off fetches the rest alone."""
    done: list[int] = []

    def stop(bytes_there: int, _: Any) -> None:
        done.append(bytes_there)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        admin.download_job(job, target, progress=stop)
    part = target.with_name("resumed.part")
    part.write_bytes(whole.read_bytes()[:1000])
    done.clear()
    admin.download_job(job, target, progress=lambda bytes_there, _: done.append(bytes_there))
    assert done[0] == 1000
    assert target.read_bytes() == whole.read_bytes()


class Page(http.server.BaseHTTPRequestHandler):
    """A web page."""

    TEXT = b"<html>" + b"x" * 2000 + b"</html>"

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(self.TEXT)))
        self.end_headers()
        self.wfile.write(self.TEXT)

    def log_message(self, *args: Any) -> None:
        pass
