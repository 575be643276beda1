"""Commands in the real sandbox of bubblewrap: as root with another user inside, and as an ordinary user."""

from __future__ import annotations

import json
import os
import pickle
import shutil
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pytest

import tapiary
from tapiary.config import ScriptsConfig
from tapiary.errors import TapiaryError
from tapiary.sandbox import Order, Outcome, find_engine, folder_for, run

#: An ordinary user without a name, which owns nothing.
SOMEBODY = 54_321
LIMITS = ScriptsConfig(
    sandbox="bubblewrap", time_limit_s=30.0, memory_bytes=256 << 20, processes=32, output_bytes=32 << 20)


@dataclass(frozen=True)
class Ran:
    """How a command ended, and what it said."""

    outcome: Outcome
    stdout: str
    stderr: str


class Box:
    """Runs shell commands in the sandbox, as this process's user or as an ordinary one."""

    def __init__(self, base: Path, as_somebody: bool) -> None:
        self.base, self.as_somebody = base, as_somebody
        self.folder = base / "job"

    def __call__(self, command: str | list[str], *, inputs: tuple[tuple[Path, str], ...] = (),
                 cancel_after: str = "", hidden: tuple[Path, ...] = (), needs_program: bool = False,
                 **limits: Any) -> Ran:
        words = ("sh", "-c", command) if isinstance(command, str) else tuple(command)
        shutil.rmtree(self.folder, ignore_errors=True)
        order = Order(f"test-{uuid.uuid4().hex[:12]}", words, self.folder, self.base, inputs, hidden=hidden,
                      needs_program=needs_program)
        config = msgspec.structs.replace(LIMITS, **limits)
        if self.as_somebody:
            outcome = self._as_somebody(order, config, cancel_after)
        else:
            folder_for(order.name, self.folder)
            outcome = run(order, config, cancelled=lambda: self._says(cancel_after))
        return Ran(outcome, (self.base / "stdout.log").read_text(errors="replace"),
                   (self.base / "stderr.log").read_text(errors="replace"))

    def _says(self, word: str) -> bool:
        return bool(word) and word in (self.base / "stdout.log").read_text(errors="replace")

    def _as_somebody(self, order: Order, config: ScriptsConfig, cancel_after: str) -> Outcome:
        """The same in a process of an ordinary user's, which gets no more than the sources and a Python."""
        assert not cancel_after
        program = (
            "import pickle, sys\nfrom tapiary.sandbox import folder_for, run\n"
            "order, config = pickle.load(sys.stdin.buffer)\nfolder_for(order.name, order.folder)\n"
            "sys.stdout.buffer.write(pickle.dumps(run(order, config)))\n"
        )
        done = subprocess.run(
            ["setpriv", f"--reuid={SOMEBODY}", f"--regid={SOMEBODY}", "--clear-groups", "--inh-caps=-all",
             sys.executable, "-c", program],
            input=pickle.dumps((order, config)), stdout=subprocess.PIPE, check=True,
            env={"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join([str(Path(tapiary.__file__).parents[1]),
                                                                           *sys.path])},
        )
        outcome: Outcome = pickle.loads(done.stdout)
        return outcome

    def findings(self, command: str, **more: Any) -> dict[str, Any]:
        """What a Python program in the sandbox found out, told as one line of JSON."""
        ran = self(["python3", "-c", command], **more)
        assert ran.outcome.exit_code == 0, ran.stderr
        found: dict[str, Any] = json.loads(ran.stdout.splitlines()[-1])
        return found


@pytest.fixture(params=["own", "ordinary"])
def box(request: pytest.FixtureRequest) -> Iterator[Box]:
    """A sandbox, once as the user that runs the tests and once, where that is root, as an ordinary user."""
    as_somebody = request.param == "ordinary"
    if as_somebody and os.geteuid() != 0:
        pytest.skip("the tests run as an ordinary user already")
    try:
        find_engine(LIMITS)
    except TapiaryError as error:
        if "CI" in os.environ:
            raise
        pytest.skip(error.message)
    # Not in pytest's own folder, which is closed to other users.
    with tempfile.TemporaryDirectory(prefix="tapiary-sandbox-") as name:
        base = Path(name)
        if as_somebody:
            os.chown(base, SOMEBODY, SOMEBODY)
            if why := _why_not_somebody(base):
                pytest.skip(why)
        yield Box(base, as_somebody)


@pytest.fixture
def own_box(tmp_path: Path) -> Box:
    """A sandbox of the user that runs the tests."""
    try:
        find_engine(LIMITS)
    except TapiaryError as error:
        if "CI" in os.environ:
            raise
        pytest.skip(error.message)
    return Box(tmp_path, False)


_found: list[str] = []


def _why_not_somebody(base: Path) -> str:
    """Why an ordinary user cannot run the sandbox: no Python of ours to read, or no user namespaces. Fails in CI."""
    if not _found:
        why = ""
        try:
            if Box(base, True)("true").outcome.exit_code:
                why = "no sandbox for ordinary users"
        except (subprocess.CalledProcessError, pickle.UnpicklingError, EOFError) as error:
            why = str(error)
        if why and "CI" in os.environ:
            pytest.fail(why)
        _found.append(why)
    return _found[0]
