"""What is measured: Tapiary's variants and its peers, how each is called and how it says what it found."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

#: nDPI's costly columns: switching them off changed no label of the reference captures.
LEAN_NDPI = ("dpi.compute_entropy", "metadata.tcp_fingerprint", "metadata.ndpi_fingerprint")


@dataclass(frozen=True)
class Tool:
    """A program under measurement.

    `command` takes the trace and an empty folder that is thrown away afterwards; `flows` reads the number of flows off
    what the program wrote; `slow` ones run fewer rounds; `labels` says whether it looks into packets.
    """

    name: str
    what: str
    command: Callable[[Path, Path], list[str]]
    version: Callable[[], str | None]
    install: str
    flows: str = ""
    labels: bool = False
    slow: bool = False
    ours: bool = False
    environment: Callable[[Path], dict[str, str]] = field(default=lambda folder: {})


def tools(geo: Path | None) -> list[Tool]:
    """Every tool, Tapiary's variants first; `geo` is a folder of geographic data, None without."""
    return [*_variants(geo), *_peers()]


def _variants(geo: Path | None) -> list[Tool]:
    lean = ["--statistics", "none"]
    found = []
    for name, what, options, ndpi_off in (
        ("tapiary", "labels, all columns, index, places", [], False),
        ("tapiary lean", "labels, no statistics groups, entropy and TCP fingerprints off", lean, True),
        ("tapiary --no-dpi", "all statistics, index, places, no labels", ["--no-dpi"], False),
        ("tapiary --no-dpi lean", "counters, index, places, no labels", ["--no-dpi", *lean], False),
    ):
        found.append(Tool(
            name, what, _process(options), lambda: _package("tapiary"), "pip install -e '.[server]'",
            r'"flows": ?(\d+)', labels="--no-dpi" not in options, ours=True, environment=_settings(geo, ndpi_off),
        ))
    return found


def _process(options: list[str]) -> Callable[[Path, Path], list[str]]:
    script = Path(sys.executable).with_name("tapiary")
    start = [str(script)] if script.exists() else [sys.executable, "-m", "tapiary.cli"]
    return lambda trace, folder: [*start, "process", "--json", *options, str(trace)]


def _settings(geo: Path | None, ndpi_off: bool) -> Callable[[Path], dict[str, str]]:
    def environment(folder: Path) -> dict[str, str]:
        settings = folder / "settings.toml"
        lines = ["[meter.ndpi]", *(f"{json.dumps(name)} = 0" for name in LEAN_NDPI)] if ndpi_off else []
        if geo is not None:
            lines += ["[geo]", *(f"{name} = {json.dumps(str(geo / f'{name}.mmdb'))}" for name in ("city", "asn")
                                 if (geo / f"{name}.mmdb").exists())]
        settings.write_text("\n".join(lines) + "\n", "utf-8")
        # Whatever settings the caller has, these runs have only these.
        clean = {name: "" for name in os.environ if name.startswith("TAPIARY_")}
        return {**clean, "TAPIARY_CONFIG": str(settings), "TAPIARY_DATA_DIR": str(folder / "data")}

    return environment


def _peers() -> list[Tool]:
    return [
        Tool("nfstream", "labels, Python objects",
             lambda trace, folder: [sys.executable, "-m", "benchmarks.nfstream_peer", str(trace)],
             lambda: _package("nfstream") if find_spec("nfstream") else None, "pip install nfstream", r"(\d+) flows",
             labels=True, slow=True),
        Tool("ndpiReader", "labels, printed statistics", lambda trace, folder: ["ndpiReader", "-i", str(trace)],
             lambda: _first("ndpiReader", ["-h"], r"nDPI ([\d.]+)"), "apt-get install libndpi-bin",
             r"Unique flows:\s+(\d+)", labels=True),
        Tool("tshark", "TCP conversations (-q -z conv,tcp)",
             lambda trace, folder: ["tshark", "-q", "-z", "conv,tcp", "-r", str(trace)],
             lambda: _first("tshark", ["--version"], r"TShark.*?([\d.]+\d)"), "apt-get install tshark", slow=True),
        Tool("nfpcapd", "NetFlow records in files",
             lambda trace, folder: ["nfpcapd", "-r", str(trace), "-l", str(folder)],
             lambda: _first("nfpcapd", ["-V"], r"([\d]+\.[\d.]+)"), "apt-get install nfdump"),
        Tool("softflowd", "NetFlow counters, not exported",
             lambda trace, folder: ["softflowd", "-d", "-c", "none", "-p", str(folder / "pid"), "-r", str(trace)],
             lambda: _first("softflowd", ["-h"], r"version ([\d.]+\d)"), "apt-get install softflowd",
             r"Flows expired: (\d+)"),
        Tool("cat", "reads the file, nothing else",
             lambda trace, folder: ["sh", "-c", 'exec cat "$0" > /dev/null', str(trace)],
             lambda: _first("cat", ["--version"], r"([\d.]+\d)") or "present", "part of the system"),
    ]


def count_of(tool: Tool, output: str) -> int | None:
    """The number of flows that a run reported, None when it reports none."""
    found = re.search(tool.flows, output) if tool.flows else None
    return int(found.group(1)) if found else None


def _package(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _first(program: str, arguments: list[str], pattern: str) -> str | None:
    """The version that a program prints, None when it is not installed."""
    if shutil.which(program) is None:
        return None
    done = subprocess.run([program, *arguments], capture_output=True, text=True, check=False, timeout=60)
    found = re.search(pattern, done.stdout + done.stderr)
    return found.group(1) if found else "unknown"
