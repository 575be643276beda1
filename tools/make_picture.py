"""Makes docs/images/process.svg: the terminal after `tapiary process sample.pcap`, as it really comes out.

    python -m tools.make_picture [CITY_MMDB]

The command runs in a terminal of its own, with an empty data folder; with a GeoIP file countries appear too.
"""

from __future__ import annotations

import os
import pty
import re
import shutil
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import TerminalTheme
from rich.text import Text

ROOT = Path(__file__).parent.parent
OUT = ROOT / "docs" / "images" / "process.svg"
COLUMNS, ROWS = 100, 60
THEME = TerminalTheme(
    (32, 29, 22), (235, 229, 214),
    [(32, 29, 22), (224, 108, 96), (152, 190, 100), (232, 184, 74), (110, 160, 214), (190, 140, 190), (110, 186, 180),
     (235, 229, 214)],
    [(130, 124, 110), (240, 130, 120), (176, 210, 128), (250, 206, 104), (140, 184, 230), (210, 164, 210),
     (140, 208, 202), (255, 252, 244)],
)


def run_in_terminal(command: list[str], folder: Path, environ: dict[str, str]) -> str:
    """Everything that the command writes to a terminal of COLUMNS by ROWS, escape sequences included."""
    import fcntl
    import termios

    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    process = subprocess.Popen(command, cwd=folder, env=environ, stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    written = b""
    try:
        while piece := os.read(ours, 65536):
            written += piece
    except OSError:  # Linux's way to say that the other end of a terminal is closed
        pass
    if process.wait():
        sys.exit(written.decode())
    return written.decode()


def last_screen(written: str) -> str:
    """The text that stays: without what progress bars wrote over."""
    text = re.sub(r"\x1b\[\?25[hl]", "", written).replace("\r\n", "\n")
    while (cut := re.search(r"[^\n]*\r(?:\x1b\[1A)*(?:\x1b\[2K)?", text)) is not None:
        text = text[:cut.start()] + text[cut.end():]
    return re.sub(r"\x1b\[\d*[ABJK]", "", text).strip("\n")


def picture(screen: str, title: str) -> str:
    """The screen as an SVG that asks no other server for fonts."""
    with Path(os.devnull).open("w") as nowhere:
        console = Console(record=True, width=COLUMNS, force_terminal=True, file=nowhere)
        console.print(Text.from_ansi(screen))
        svg = console.export_svg(title=title, theme=THEME, unique_id="tapiary")
    svg = re.sub(r"@font-face\s*\{.*?\}\s*", "", svg, flags=re.DOTALL)
    return svg.replace("Fira Code", "DejaVu Sans Mono, Menlo, Consolas")


def main() -> None:
    """Run the command and write the picture."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shutil.copy(ROOT / "examples" / "sample.pcap", folder)
        environ = {key: value for key, value in os.environ.items() if not key.startswith(("TAPIARY_", "NO_COLOR"))}
        environ |= {"TAPIARY_DATA_DIR": str(folder / "data"), "TERM": "xterm-256color", "COLUMNS": str(COLUMNS)}
        if len(sys.argv) > 1:
            environ["TAPIARY_GEO_CITY"] = str(Path(sys.argv[1]).absolute())
        command = "tapiary process sample.pcap"
        program = [str(Path(sys.executable).with_name("tapiary")), *command.split()[1:]]
        written = run_in_terminal(program, folder, environ)
    OUT.write_text(picture(f"$ {command}\n{last_screen(written)}", "tapiary"), encoding="utf-8")


if __name__ == "__main__":
    main()
