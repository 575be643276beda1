"""Control groups, on a folder that stands in for the kernel's: what is written where, and what is read of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tapiary.sandbox import cgroup
from tapiary.sandbox.cgroup import make_group


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A group with the server's own group in it, as a service manager delegates it."""
    above = tmp_path / "service"
    (above / "server").mkdir(parents=True)
    (above / "cgroup.controllers").write_text("cpu memory pids\n")
    (above / "cgroup.subtree_control").write_text("memory pids\n")
    monkeypatch.setattr(cgroup, "_own", lambda root: root / "service" / "server")
    return tmp_path


def test_limits_are_the_kernels(tree: Path) -> None:
    group = make_group("job-7", 1000, 5, root=tree)
    assert group is not None
    assert group.path == tree / "service" / "tapiary-job-7"
    written = {file.name: file.read_text() for file in group.path.iterdir()}
    assert written == {"memory.max": "1000", "pids.max": "5", "memory.swap.max": "0", "memory.oom.group": "1"}


def test_what_the_kernel_held_is_told(tree: Path) -> None:
    group = make_group("job-7", 1000, 5, root=tree)
    assert group is not None
    assert group.passed() == ""
    (group.path / "pids.events").write_text("max 3\n")
    assert group.passed() == "processes"
    (group.path / "memory.events").write_text("low 0\noom_kill 1\n")
    assert group.passed() == "memory"


def test_the_command_begins_inside(tree: Path) -> None:
    group = make_group("job-7", 1000, 5, root=tree)
    assert group is not None
    import subprocess

    done = subprocess.run(group.wrap(["echo", "a b"]), capture_output=True, text=True, check=True)
    assert done.stdout == "a b\n"
    assert (group.path / "cgroup.procs").read_text().strip().isdigit()


@pytest.mark.parametrize("missing", ["cgroup.controllers", "cgroup.subtree_control"])
def test_where_no_group_can_be_made_there_is_none(tree: Path, missing: str) -> None:
    (tree / "service" / missing).unlink()
    assert make_group("job-7", 1000, 5, root=tree) is None
