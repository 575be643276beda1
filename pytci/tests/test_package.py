"""The package: its version, its types, and that both clients are made from the same description."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest

import pytci
from pytci import AsyncPyTCI, PyTCI

ROOT = Path(__file__).parent.parent
METHODS = [name for name, _ in inspect.getmembers(PyTCI, inspect.isfunction) if not name.startswith("_")]


def test_the_methods_are_those_of_the_description() -> None:
    done = subprocess.run([sys.executable, str(ROOT / "tools" / "make_methods.py"), "--check"], capture_output=True,
                          text=True, check=False)
    if sys.version_info[:2] == (3, 11):  # releases of Python write code differently
        assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", METHODS)
def test_both_clients_have_the_same_methods(name: str) -> None:
    one, other = getattr(PyTCI, name), getattr(AsyncPyTCI, name)
    assert inspect.signature(one) == inspect.signature(other)
    assert inspect.getdoc(one)
    assert inspect.iscoroutinefunction(other) == (name != "set_access_token")


def test_the_version_is_in_step() -> None:
    ours = ROOT.parent / "src" / "tapiary" / "__init__.py"
    if not ours.exists():
        pytest.skip("no Tapiary beside this")
    found = re.search(r'__version__ = "(.*)"', ours.read_text(encoding="utf-8"))
    assert found
    assert found[1] == pytci.__version__


def test_typed_programs_pass(tmp_path: Path) -> None:
    pytest.importorskip("mypy")
    program = tmp_path / "program.py"
    program.write_text('''\
from datetime import datetime
from pathlib import Path
from typing import Any, Dict, List, Optional

from pytci import AsyncPyTCI, Job, JobBrief, PyTCI

tci = PyTCI("localhost", 8080)
jobs: List[JobBrief] = tci.get_jobs()
job: Job = tci.create_job("n", 10, 50_000, lines=["a"], priority="high")
began: Optional[datetime] = tci.wait(job, progress=True).started_at
rows: List[Dict[str, Any]] = tci.flows(job, "rows")
path: Path = tci.download_job(job, progress=lambda done, total: None)


async def main() -> None:
    async with AsyncPyTCI("localhost") as other:
        mine: List[JobBrief] = await other.get_jobs()
        await other.wait(mine[0])
''', encoding="utf-8")
    command = [sys.executable, "-m", "mypy", "--strict", "--ignore-missing-imports", "--cache-dir"]
    command += [str(tmp_path / "cache"), str(program)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path,
                          env={"MYPYPATH": str(ROOT / "src"), "PATH": "/usr/bin:/bin"})
    assert done.returncode == 0, done.stdout
