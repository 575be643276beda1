"""Scripts over real captures in the real sandbox of bubblewrap, by the queue."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from tapiary.config import Config, ScriptsConfig
from tapiary.database import Capture, File, Job
from tapiary.errors import TapiaryError
from tapiary.jobs import register
from tapiary.sandbox import find_engine
from tapiary.services import Services
from tapiary.services.scripts import Scripts

from .conftest import MASTER, add_capture

pytestmark = pytest.mark.usefixtures("sandbox")


@pytest.fixture
def config(config: Config) -> Config:
    """Short limits, and bubblewrap whether or not Docker is there."""
    limits = ScriptsConfig(sandbox="bubblewrap", time_limit_s=60.0, memory_bytes=1 << 30, output_bytes=1 << 24)
    return replace(config, scripts=limits, capture=replace(config.capture, min_free_bytes=0))


@pytest.fixture
def run(services: Services, scripts: Scripts, sample: Path) -> Callable[..., Ran]:
    """Runs a script over the sample capture as the queue does."""
    services.files.root.mkdir(parents=True, exist_ok=True)
    shutil.copy(sample, services.files.root / "in.pcap")
    file = services.files.see("in.pcap")

    def call(
        text: str, arguments: str = "", *, name: str = "My job", while_running: Callable[[Job], None] | None = None
    ) -> Ran:
        found = [s for s in scripts.list(MASTER) if s.name == text]
        script = found[0] if found else scripts.create(
            MASTER, name=f"s{time.monotonic_ns()}", level=20, contents=text.encode())
        capture_id = add_capture(services, name=name, script_id=script.id, script_args=arguments, file_id=file.id,
                                 status="Processing")
        for kind, handler in scripts.handlers().items():
            register(kind, handler)
        job = services.queue.submit("script", {"capture_id": capture_id}, hold=True)
        if while_running is not None:
            threading.Thread(target=while_running, args=(job,)).start()
        error = None
        try:
            services.queue.run_inline(job.id)
        except Exception as raised:  # noqa: BLE001 - the test looks at it
            error = raised
        return Ran(services, capture_id, job.id, error)

    return call


class Ran:
    """How a run ended, for the capture and for the queue."""

    def __init__(self, services: Services, capture_id: int, job_id: int, error: Exception | None) -> None:
        with services.database.session(write=False) as session:
            capture = session.get_one(Capture, capture_id)
            assert session.get_one(File, capture.file_id).name == "in.pcap"
        self.status, self.message = capture.status, capture.status_msg
        self.job, self.error = services.queue.get(job_id), error
        self.zip = services.config.captures_path / "results" / f"{capture_id}.zip"
        self.work = services.config.captures_path / "work" / str(capture_id)

    @property
    def members(self) -> dict[str, bytes]:
        """The zip's files."""
        with zipfile.ZipFile(self.zip) as archive:
            assert archive.testzip() is None
            return {name: archive.read(name) for name in archive.namelist()}


def test_the_output_folder_becomes_the_zip(run: Callable[..., Ran], sample: Path) -> None:
    ran = run('#!/bin/sh\necho "$@"; echo oops >&2; pwd\n'
              'mkdir $2/deep; cp $1 $2/output.pcap; echo "$4" > $2/deep/a.txt\n', "one 'two words'")
    assert ran.error is None
    assert ran.status == "Done"
    assert ran.members == {
        "My_job.pcap": sample.read_bytes(), "deep/a.txt": b"two words\n", "stderr.log": b"oops\n",
        "stdout.log": b"input.pcap output_dir/ one two words\n/job\n",
    }
    assert not ran.work.exists()


def test_bash_and_python_scripts_run(run: Callable[..., Ran]) -> None:
    assert run("#!/usr/bin/env bash\na=(1 2)\necho ${a[1]} > output_dir/x\n").members["x"] == b"2\n"
    if shutil.which("python3", path="/usr/bin"):
        python = "#!/usr/bin/env python3\nimport sys\nopen(sys.argv[2] + 'y', 'w').write(sys.argv[1])\n"
        assert run(python).members["y"] == b"input.pcap"


def test_a_failing_script_tells_its_code_and_last_words(run: Callable[..., Ran]) -> None:
    ran = run("#!/bin/sh\necho fine; echo 'it broke' >&2; exit 7\n")
    assert (ran.status, ran.message) == ("Failed", "Script failed with exit code 7: it broke")
    assert ran.job.state == "failed"
    assert not ran.zip.exists()


def test_options_of_the_first_line_hold(run: Callable[..., Ran]) -> None:
    assert run("#!/bin/sh -e\nfalse\ntouch output_dir/x\n").message == "Script failed with exit code 1"


def test_no_output_is_a_failure(run: Callable[..., Ran]) -> None:
    ran = run("#!/bin/sh\nmkdir output_dir/empty\n")
    assert (ran.status, ran.message) == ("Failed", "No output file created.")
    assert not ran.zip.exists()
    assert not list(ran.zip.parent.iterdir())


def test_arguments_that_are_no_words(run: Callable[..., Ran]) -> None:
    ran = run("#!/bin/sh\n", "it's")
    assert ran.status == "Failed"
    assert "script_args" in ran.message


def test_the_capture_cannot_be_changed(run: Callable[..., Ran], sample: Path, services: Services) -> None:
    ran = run("#!/bin/sh\n(echo x >> input.pcap; rm -f input.pcap; mv input.pcap a; echo > script.sh) 2>/dev/null\n"
              "cp input.pcap output_dir/copy\n")
    assert ran.members["copy"] == sample.read_bytes() == (services.files.root / "in.pcap").read_bytes()


def test_a_capture_that_only_its_owner_may_read(run: Callable[..., Ran], services: Services, sample: Path) -> None:
    (services.files.root / "in.pcap").chmod(0o600)
    assert run("#!/bin/sh\ncp input.pcap output_dir/copy\n").members["copy"] == sample.read_bytes()


def test_what_is_no_plain_file_is_left_out_and_told(run: Callable[..., Ran]) -> None:
    ran = run("#!/bin/sh\ncd output_dir; echo 1 > a; ln -s /etc/passwd passwd; ln -s / root; mkfifo pipe; ln a b\n"
              "mkdir locked; echo 2 > locked/c; chmod 0 locked/c locked a\n")
    assert sorted(ran.members) == ["a", "b", "locked/c", "stderr.log", "stdout.log"]
    assert "'passwd'" in ran.message
    assert "'pipe'" in ran.message


def test_names_in_the_zip_lead_nowhere_and_are_unique(run: Callable[..., Ran]) -> None:
    ran = run("#!/bin/sh\ncd output_dir; echo 1 > '..\\..\\evil'; echo 2 > stdout.log\n"
              "printf 3 > \"$(printf 'a\\377')\"\n")
    assert sorted(ran.members) == [".._.._evil", "a�", "stderr.log", "stdout-2.log", "stdout.log"]


def test_a_pcapng_is_named_so(run: Callable[..., Ran]) -> None:
    ran = run("#!/bin/sh\nprintf '\\012\\015\\015\\012' > output_dir/output.pcap\n", name="../../etc")
    assert "etc.pcapng" in ran.members


def test_cancelling_ends_it_within_a_second(run: Callable[..., Ran], services: Services) -> None:
    times: list[float] = []

    def cancel(job: Job) -> None:
        while True:
            progress: dict[str, Any] = services.queue.get(job.id).progress or {}
            if progress.get("last_line") == "begun":
                break
            time.sleep(0.02)
        times.append(time.monotonic())
        services.queue.cancel(job.id)

    ran = run("#!/bin/sh\nsetsid sleep 100 & echo begun; sleep 100\n", while_running=cancel)
    assert time.monotonic() - times[0] < 1.0 + 1.0  # the queue's own notice takes up to 0.2 s; the machine may be busy
    assert ran.job.state == "cancelled"
    assert ran.status != "Processing"
    assert not ran.work.exists()


def test_progress_is_told_while_it_runs(run: Callable[..., Ran], services: Services) -> None:
    seen: list[dict[str, Any]] = []

    def look(job: Job) -> None:
        while services.queue.get(job.id).state in ("new", "in_progress"):
            seen.append(services.queue.get(job.id).progress or {})
            time.sleep(0.02)

    run("#!/bin/sh\nhead -c 100000 /dev/zero > output_dir/x; echo half; sleep 0.8; echo end\n", while_running=look)
    lines = {progress.get("last_line") for progress in seen if progress.get("phase") == "running"}
    assert "half" in lines
    assert max(progress.get("output_bytes", 0) for progress in seen) >= 100_000


def test_leftovers_of_a_killed_attempt_do_no_harm(run: Callable[..., Ran], services: Services) -> None:
    work = services.config.captures_path / "work"
    for number in range(1, 4):  # whichever number the capture gets
        (work / str(number) / "job" / "output_dir").mkdir(parents=True)
        (work / str(number) / "job" / "output_dir" / "old").touch()
    assert sorted(run("#!/bin/sh\ntouch output_dir/new\n").members) == ["new", "stderr.log", "stdout.log"]


def test_without_a_sandbox_nothing_runs(run: Callable[..., Ran], services: Services) -> None:
    services.config = replace(services.config, scripts=replace(services.config.scripts, sandbox="none"))
    ran = run("#!/bin/sh\ntouch output_dir/x\n")
    assert ran.status == "Failed"
    assert "scripts.sandbox" in ran.message


def test_a_time_limit_is_told(run: Callable[..., Ran], services: Services) -> None:
    services.config = replace(services.config, scripts=replace(services.config.scripts, time_limit_s=0.5))
    ran = run("#!/bin/sh\nsleep 100\n")
    assert ran.status == "Failed"
    assert "scripts.time_limit_s" in ran.message


def test_an_error_says_what_it_is(run: Callable[..., Ran], services: Services) -> None:
    (services.files.root / "in.pcap").unlink()
    ran = run("#!/bin/sh\n")
    assert isinstance(ran.error, TapiaryError)
    assert ran.status == "Failed"


def test_the_environment_holds_nothing_of_the_servers(run: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_OF_SERVER", "x")
    assert b"SECRET" not in run("#!/bin/sh\nenv > output_dir/env\n").members["env"]
    assert os.environ["SECRET_OF_SERVER"] == "x"


@pytest.fixture
def sandbox(config: Config) -> None:
    """Skips where bubblewrap cannot make a sandbox, unless in CI."""
    try:
        find_engine(config.scripts)
    except TapiaryError as error:
        if "CI" in os.environ:
            raise
        pytest.skip(error.message)




@pytest.mark.parametrize(("name", "arguments", "members"), [
    ("anonymise", "mac=keyed", {"My_job.pcap"}),
    ("headers", "8", {"My_job.pcap"}),
    ("dataset", "csv", {"flows.parquet", "flows.csv", "manifest.json"}),
])
def test_shipped_scripts_run_in_the_sandbox(
    run: Callable[..., Ran], scripts: Scripts, name: str, arguments: str, members: set[str]
) -> None:
    if not _is_readable(Path(sys.prefix)) or not _is_readable(Path(sys.base_prefix)):
        pytest.skip("this Python is not readable for other users")
    scripts.install_shipped()
    ran = run(name, arguments)
    assert ran.error is None, ran.message
    assert set(ran.members) == members | {"stdout.log", "stderr.log"}
    if name == "dataset":
        assert b'"name": "My job"' in ran.members["manifest.json"]


def test_shipped_scripts_say_what_they_lack(run: Callable[..., Ran], scripts: Scripts, tmp_path: Path) -> None:
    scripts.install_shipped()
    script = tmp_path / "script"
    script.write_bytes(scripts.get(MASTER, "headers").contents)
    done = subprocess.run(["/bin/sh", script], env={}, capture_output=True, text=True, check=False)
    assert (done.returncode, "scripts.sandbox" in done.stderr) == (3, True)


def _is_readable(folder: Path) -> bool:
    return os.geteuid() != 0 or bool(folder.stat().st_mode & 0o005)
