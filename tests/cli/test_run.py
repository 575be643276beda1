"""The command as a whole: help, exit codes, errors in one line, start-up cost."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click
import pytest

from tapiary.cli import exit_codes
from tapiary.cli.command import Command, LazyGroup
from tapiary.cli.root import COMMANDS, root
from tapiary.cli.run import run
from tapiary.errors import Forbidden, InvalidInput, NotFound

if TYPE_CHECKING:
    from tests.cli.conftest import Run

#: Modules that only some commands need: none may be loaded before the command runs.
HEAVY = ("pyarrow", "numpy", "duckdb", "deltalake", "sqlalchemy", "flask", "rich", "pydantic", "nfstream")


def process(*arguments: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tapiary.cli", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60, env=env)


def loaded_by(*arguments: str) -> str:
    """Which heavy modules a command line loads."""
    code = f"""if 1:
        import sys; from tapiary.cli import main
        main({list(arguments)}); print([m for m in {HEAVY} if m in sys.modules])"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.splitlines()[-1]


def every_command() -> list[tuple[str, click.Command]]:
    """All commands with their full names."""
    found: list[tuple[str, click.Command]] = []

    def walk(group: LazyGroup, prefix: str) -> None:
        context = click.Context(group)
        for name in group.list_commands(context):
            command = group.get_command(context, name)
            assert command is not None
            found.append((prefix + name, command))
            if isinstance(command, LazyGroup):
                walk(command, f"{prefix}{name} ")

    assert isinstance(root, LazyGroup)
    walk(root, "")
    return found


@pytest.mark.parametrize(("name", "command"), every_command(), ids=lambda v: v if isinstance(v, str) else "")
def test_every_command_is_called_as_it_is_listed_and_has_help_with_examples(
    name: str, command: click.Command, tapiary: Run,
) -> None:
    assert command.name == name.split()[-1]
    result = tapiary(*name.split(), "--help")
    assert result.code == 0
    assert result.out.startswith("Usage: tapiary")
    if isinstance(command, Command):
        assert command.examples, "every command has examples"
        assert all(f"tapiary {name}" in line for line, _ in command.examples)
        assert all(line in result.out for line, _ in command.examples)


def test_help_lists_the_exit_codes(tapiary: Run) -> None:
    text = tapiary("--help").out
    assert all(f"\n  {code} " in text for code in exit_codes.MEANINGS)
    assert all(name in text for name in COMMANDS)


def test_help_and_the_list_of_commands_load_nothing_heavy() -> None:
    assert loaded_by("--help") == "[]"


def test_help_loads_the_command_line_alone() -> None:
    """Of ours the files that the list of commands needs, of others click, beside what a bare interpreter has."""
    code = """if 1:
        import sys; before = set(sys.modules)
        from tapiary.cli import main; main(["--help"])
        new = set(sys.modules) - before
        print(sorted({m.partition(".")[0] for m in new} - set(sys.stdlib_module_names)))
        print(sorted(m for m in new if m.count(".") == 1 and m.startswith("tapiary.")))"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    packages, rooms = done.stdout.splitlines()[-2:]
    assert packages == "['click', 'tapiary']"
    assert rooms == "['tapiary.cli', 'tapiary.errors']"


@pytest.mark.parametrize("name", COMMANDS)
def test_a_commands_own_help_loads_nothing_heavy(name: str) -> None:
    assert loaded_by(name, "--help") == "[]"


@pytest.mark.parametrize("arguments", [
    ["no-such"], ["process"], ["process", "--threads", "x", "f"], ["--no-such"], ["token"],
])
def test_wrong_usage(tapiary: Run, arguments: list[str]) -> None:
    result = tapiary(*arguments)
    assert result.code == exit_codes.USAGE
    assert "Usage:" in result.out + result.err


def test_a_mistyped_command_is_told_its_nearest(tapiary: Run) -> None:
    assert "process" in tapiary("proces").err


def test_version(tapiary: Run) -> None:
    assert tapiary("--version").out.startswith("tapiary 0.")


@pytest.mark.parametrize(("error", "code", "text"), [
    (NotFound("there is no file x", field="name"), 3, "tapiary: there is no file x (name)\n"),
    (InvalidInput("ip: 'x' is no address", field="ip"), 2, "tapiary: ip: 'x' is no address\n"),
    (Forbidden("not\nyours"), 1, "tapiary: not yours\n"),
    (FileNotFoundError(2, "No such file or directory", "/x"), 1, "tapiary: No such file or directory: /x\n"),
    (ModuleNotFoundError("No module named 'duckdb'", name="duckdb"), 1, "tapiary: duckdb is not installed"),
    (ValueError("odd"), 1, "tapiary: internal error: ValueError: odd"),
    (KeyboardInterrupt(), 130, "interrupted\n"),
])
def test_errors_are_one_line_and_a_code(
    error: BaseException, code: int, text: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("tapiary.services.Services.labels", fail)
    assert run(["labels"]) == code
    assert text in capsys.readouterr().err
    assert run(["-v", "labels"]) == code
    assert "Traceback" in capsys.readouterr().err


def test_wrong_settings_have_a_code_of_their_own(tapiary: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "wrong.toml"
    file.write_text("[meter]\nthreds = 2\n")
    result = tapiary("--config", file, "config")
    assert result.code == exit_codes.CONFIGURATION
    assert "threads" in result.err
    monkeypatch.setenv("TAPIARY_METER_THREADS", "many")
    assert tapiary("config").code == exit_codes.CONFIGURATION


def test_global_options_stand_before_or_after_the_command(tapiary: Run, tmp_path: Path) -> None:
    for arguments in (["--data-dir", tmp_path / "x", "config"], ["config", "--data-dir", tmp_path / "x"]):
        assert str(tmp_path / "x") in tapiary(*arguments, "--json").out


def test_a_closed_pipe_is_no_error() -> None:
    command = f"{sys.executable} -m tapiary.cli config --toml | head -1; echo ${{PIPESTATUS[0]}}"
    env = {**os.environ, "PYTHONUNBUFFERED": "1"}
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False, env=env)
    assert done.stderr == ""
    assert done.stdout.splitlines()[-1] in ("0", "141")


def test_the_terminals_encoding_is_borne() -> None:
    env = {**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0", "LC_ALL": "C"}
    done = process("doctor", env=env)
    assert "UnicodeEncodeError" not in done.stderr
    assert done.stdout.isascii()


def test_interrupting_the_command(tmp_path: Path) -> None:
    fifo = tmp_path / "capture"
    os.mkfifo(fifo)
    child = subprocess.Popen(
        [sys.executable, "-m", "tapiary.cli", "--data-dir", str(tmp_path / "data"), "process", "-"],
        stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )
    time.sleep(1.5)
    child.send_signal(signal.SIGINT)
    _, err = child.communicate(timeout=30)
    assert child.returncode == exit_codes.INTERRUPTED, err
    assert "Traceback" not in err
