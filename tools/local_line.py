"""What `make run` passes to `tapiary serve` for a drone on this machine: nothing where it could not capture."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

PATH = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"


def objection() -> str:
    """Why tcpdump cannot capture here, empty when it can."""
    tcpdump = shutil.which("tcpdump", path=PATH)
    if tcpdump is None:
        return "tcpdump is not installed (Debian, Ubuntu: apt install tcpdump)"
    # Without a packet to come, a permission to capture shows in that the program goes on until it is stopped.
    try:
        done = subprocess.run(
            [tcpdump, "-i", "any", "-c", "1", "-w", "/dev/null", "less 1"], capture_output=True, text=True, timeout=0.5)
    except subprocess.TimeoutExpired:
        return ""
    words = done.stderr.strip().splitlines()
    return words[-1] if done.returncode and words else ""


def main() -> None:
    """Write the option, or say why there is none."""
    reason = objection()
    if reason:
        print(f"No drone on this machine: {reason}", file=sys.stderr)
    else:
        print("--drone any")


if __name__ == "__main__":
    main()
