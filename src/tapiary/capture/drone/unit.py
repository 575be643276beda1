"""The systemd unit, with this installation's command in it."""

from __future__ import annotations

import shutil
import sys
from importlib import resources
from pathlib import Path


def systemd_unit() -> str:
    """The text of the unit file for this machine."""
    text = resources.files("tapiary.capture.drone").joinpath("tapiary-drone.service").read_text("utf-8")
    beside = Path(sys.executable).with_name("tapiary")
    command = str(beside) if beside.exists() else shutil.which("tapiary") or "/usr/bin/tapiary"
    return text.replace("@TAPIARY@", command)
