"""One attempt at running the script of one capture, for the queue."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from tapiary.errors import InvalidInput, NotFound, TapiaryError
from tapiary.sandbox import HOME, Order, Outcome, Status, folder_for, remove, run
from tapiary.sandbox import give as give_to
from tapiary.services.scripts.packing import Packed, pack
from tapiary.services.scripts.shebang import Shebang, read_script
from tapiary.telemetry import counter, logger

if TYPE_CHECKING:
    from tapiary.jobs import Context
    from tapiary.services import Services

log = logger("scripts")

#: TCI's names in the work folder; scripts rely on them.
INPUT, OUTPUT, SCRIPT = "input.pcap", "output_dir", "script.sh"
#: Where the sandbox shows the server's label rules to scripts that label.
RULES = "/run/tapiary/rules.toml"
#: Names of what was left out of a zip that a message tells.
TOLD = 5


@dataclass(frozen=True, slots=True)
class _Task:
    """What to run, over what."""

    #: The capture's name, and that as part of a file's name.
    title: str
    name: str
    text: str
    arguments: list[str]
    shebang: Shebang
    shipped: bool
    capture: Path


class Running:
    """Runs the script of a capture. All of it is done anew when an attempt was interrupted."""

    def __init__(self, services: Services, context: Context, capture_id: int) -> None:
        self._services, self._context, self._id = services, context, capture_id
        self._config = services.config.scripts
        captures = services.config.captures_path
        self._work = captures / "work" / str(capture_id)
        self._result = captures / "results" / f"{capture_id}.zip"

    def run(self) -> None:
        """Run it, pack its output, and tell the capture how it ended; raises what makes the queue's job fail."""
        from tapiary.jobs import Cancelled

        try:
            message = self._run()
        except Cancelled:
            if self._context.reason == "cancel":
                self._services.captures.script_ended(self._id, False, "Script cancelled.", "", cancelled=True)
            raise
        except TapiaryError as error:
            self._services.captures.script_ended(self._id, False, error.message, "")
            raise InvalidInput(error.message, field=error.field) from error  # nothing that another attempt would mend
        except OSError as error:
            message = f"The script's files cannot be written: {error.strerror or error}"
            self._services.captures.script_ended(self._id, False, message, "")
            raise
        finally:
            remove(self._work)
        counter("services", "scripts_run").add()
        log.info("job %d: capture %d: %s", self._context.job_id, self._id, message)
        self._services.captures.script_ended(self._id, True, message, self._result.name)

    def _run(self) -> str:
        task = self._task()
        self._context.progress({"phase": "preparing"})
        order = self._prepare(task)
        outcome = run(
            order, self._config, min_free_bytes=self._services.config.capture.min_free_bytes,
            cancelled=self._context.cancelled, progress=self._tell,
        )
        self._context.check()
        self._judge(outcome)
        packed = pack(
            order.folder / OUTPUT, (outcome.stdout, outcome.stderr), self._result, task.name, check=self._context.check,
            progress=lambda size: self._context.progress(
                {"phase": "packing", "seconds": round(outcome.seconds, 1), "output_bytes": size}),
        )
        if not packed.files:
            raise InvalidInput("No output file created." + _left_out(packed), code="no_output")
        return f"Script finished in {outcome.seconds:.0f} s.{_left_out(packed)}"

    def _task(self) -> _Task:
        from tapiary.database import Capture, Script
        from tapiary.services.captures.captures import file_slug

        with self._services.database.session(write=False) as session:
            capture = session.get(Capture, self._id)
            script = session.get(Script, capture.script_id) if capture is not None and capture.script_id else None
            if capture is None or script is None:
                raise NotFound(f"script_name: job {self._id} has no script", field="script_name")
            text, shebang = read_script(script.contents.encode())
        try:
            arguments = shlex.split(capture.script_args or "")
        except ValueError as error:
            raise InvalidInput(f"script_args: {capture.script_args!r} cannot be split into words: {error}",
                               field="script_args") from None
        path = self._services.captures.input_of(self._id).resolve()
        return _Task(capture.name, file_slug(capture), text, arguments, shebang, script.shipped, path)

    def _prepare(self, task: _Task) -> Order:
        """The work folder, made anew, and the order."""
        remove(self._work)
        self._work.parent.mkdir(parents=True, exist_ok=True)
        self._work.mkdir(mode=0o700)
        name = f"job-{self._id}"
        folder = folder_for(name, self._work / "job")
        (folder / OUTPUT).mkdir()
        give_to(folder / OUTPUT, name)
        for place in (INPUT, SCRIPT):  # what the two are shown in the place of
            (folder / place).touch()
        script = self._work / SCRIPT
        script.write_text(task.text)
        script.chmod(0o755)
        inputs = [(self._readable(task.capture), f"{HOME}/{INPUT}"), (script, f"{HOME}/{SCRIPT}")]
        meter, config = self._services.config.meter, self._services.config
        if meter.rules_file and task.shipped:
            inputs.append((Path(meter.rules_file), RULES))
            meter = msgspec.structs.replace(meter, rules_file=RULES)
        environment = {"SCRIPT_CAPTURE": task.title}
        if task.shipped:
            environment["SCRIPT_METER"] = msgspec.json.encode(meter).decode()
        hidden = [config.data_path, config.repository_path, config.captures_path, config.tables_path, config.logs_path]
        if settings := os.environ.get("TAPIARY_CONFIG"):
            hidden.append(Path(settings).absolute())
        return Order(
            name=name, folder=folder, logs=self._work, inputs=tuple(inputs), needs_program=task.shipped,
            hidden=tuple(hidden), environment=environment,
            command=(task.shebang.interpreter, *task.shebang.options, SCRIPT, INPUT, f"{OUTPUT}/", *task.arguments),
        )

    def _readable(self, capture: Path) -> Path:
        """The capture itself, or a copy where the sandbox's user may not read it: its owner may have meant that."""
        if not capture.is_file():
            raise NotFound(f"the capture file {capture.name} is gone", field="file")
        if os.geteuid() != 0 or capture.stat().st_mode & 0o004:
            return capture
        copy = self._work / INPUT
        # A copy that shares the blocks of the original, where the file system can do that.
        done = subprocess.run(["cp", "--reflink=auto", "--", str(capture), str(copy)], check=False)
        if done.returncode:
            shutil.copyfile(capture, copy)
        copy.chmod(0o444)
        return copy

    def _tell(self, status: Status) -> None:
        self._context.progress({
            "phase": "running", "seconds": round(status.seconds, 1), "output_bytes": status.output_bytes,
            "memory_bytes": status.memory_bytes, "processes": status.processes, "last_line": status.last_line,
        })

    def _judge(self, outcome: Outcome) -> None:
        """Raise InvalidInput, with what the user is to read, when the script did not end well."""
        config: Any = self._config
        limits = {
            "timeout": f"it ran longer than {config.time_limit_s:g} s (scripts.time_limit_s)",
            "memory": f"it used more memory than {config.memory_bytes} bytes (scripts.memory_bytes)",
            "processes": f"it had more than {config.processes} processes (scripts.processes)",
            "output": f"it wrote more than {config.output_bytes} bytes (scripts.output_bytes), more files than are "
                      "allowed, or the disk is full",
        }
        if outcome.reason in limits:
            why = limits[outcome.reason]
            raise InvalidInput(f"Script ended by the server: {why}.", code=f"script_{outcome.reason}")
        if outcome.exit_code:
            said = f": {outcome.last_error}" if outcome.last_error else ""
            raise InvalidInput(f"Script failed with exit code {outcome.exit_code}{said}", code="script_failed")


def _left_out(packed: Packed) -> str:
    if not packed.left_out:
        return ""
    more = f" and {len(packed.left_out) - TOLD} more" if len(packed.left_out) > TOLD else ""
    names = ", ".join(ascii(name) for name in packed.left_out[:TOLD])
    return f" Left out of the zip, being no plain files: {names}{more}."
