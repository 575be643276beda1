"""Scripts that may be run over captures."""

from __future__ import annotations

import base64
import os
from pathlib import Path
from typing import Union

from pytci._calls._base import call, nothing, segment, text
from pytci._effects import Plan, run
from pytci._model import many, one
from pytci.models import Script
from pytci.models.others import decoded

Source = Union[str, bytes, "os.PathLike[str]"]


def get_scripts() -> Plan[list[Script]]:
    """The scripts that one may use."""
    return call("GET", "/scripts", many(Script))


def get_script(name: str) -> Plan[Script]:
    """A script. Needs SCRIPT_MASTER; BadRequest when there is none of that name."""
    return call("GET", f"/scripts/{segment(name)}", one(Script))


def create_script(name: str, authorization_level: int, file: Source, description: str | None = None) -> Plan[Script]:
    """Bring a script. Needs SCRIPT_MASTER.

    file is a path, or the script itself as bytes: below 1 MiB, with a line #! at its head. Users of the given
    level and of higher rank (smaller numbers) may use it.
    """
    contents = file if isinstance(file, bytes) else (yield from run(lambda: Path(os.fspath(file)).read_bytes()))
    body = {
        "name": name,
        "authorization_level": authorization_level,
        "file_contents": base64.b64encode(contents).decode(),
        "description": description,
    }
    return (yield from call("POST", "/scripts", one(Script), body))


def download_script(name: str, path: str | os.PathLike[str]) -> Plan[Path]:
    """Write a script into a file, or into a folder under its own name; an existing file is replaced. Returns where
    it is. Needs SCRIPT_MASTER."""
    encoded = yield from call("GET", f"/scripts/{segment(name)}/file", text("file"))
    target = Path(os.fspath(path))
    contents = decoded(encoded)

    def write() -> Path:
        whole = target / (name.replace("/", "_").replace("\\", "_").lstrip(".") or "script")
        final = whole if target.is_dir() else target
        final.write_bytes(contents)
        return final

    return (yield from run(write))


def delete_script(name: str) -> Plan[None]:
    """Delete a script that no job speaks of. Needs SCRIPT_MASTER."""
    return call("DELETE", f"/scripts/{segment(name)}", nothing)
