"""Fuzzes the compiled core under AddressSanitizer and UndefinedBehaviorSanitizer.

    python -m tools.fuzz                 the short run of every test run
    python -m tools.fuzz --full          a million frames, 2,000 files, 20,000 merges, and every capture with labels on
    python -m tools.fuzz --seed 7        other mutations; a finding prints what repeats it

The harness is `src/tapiary/meter/native/fuzz/`; seeds are the captures of tests/meter/captures, with --corpus
also those of another folder. With --labels the extension module itself is built with sanitizers and meters every
seed with nDPI, which is not instrumented, but what the core does around it is.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import sysconfig
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
NATIVE = ROOT / "src/tapiary/meter/native"
BUILD = ROOT / "build/fuzz"
SANITIZE = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-fno-omit-frame-pointer", "-g", "-O1"]
STRICT = ["-std=c11", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Wshadow", "-Werror", "-pthread"]
SHORT_FRAMES, SHORT_FILES, SHORT_MERGES = 100_000, 150, 300
FULL_FRAMES, FULL_FILES, FULL_MERGES = 1_000_000, 2_000, 20_000
#: Mutating a large file time and again teaches nothing more.
LARGEST_SEED = 400_000


def run(words: list[str], **environment: str) -> None:
    """Run a command with its output shown; ends this program when it fails."""
    done = subprocess.run(words, env={**os.environ, **environment}, check=False)
    if done.returncode:
        sys.exit(f"failed with {done.returncode}: {' '.join(words)[:600]}")


def build_harness(compiler: str) -> Path:
    """The harness with all of the core's files, compiled anew only when one of them changed."""
    BUILD.mkdir(parents=True, exist_ok=True)
    target = BUILD / "fuzz"
    sources = [*sorted(NATIVE.glob("*.c")), *sorted(NATIVE.glob("fuzz/*.c"))]
    newest = max(path.stat().st_mtime for path in [*sources, *NATIVE.glob("*.h"), *NATIVE.glob("fuzz/*.h")])
    if not target.exists() or target.stat().st_mtime < newest:
        run([compiler, *STRICT, *SANITIZE, "-DWRITE_BYTES=1024u", *map(str, sources), "-lm", "-o", str(target)])
    return target


def build_module(compiler: str) -> Path:
    """A copy of the package's extension module with sanitizers; returns the folder to put before the package's."""
    folder = BUILD / "module"
    places = ["--build-lib", str(folder), "--build-temp", str(BUILD / "temp")]
    run([sys.executable, "setup.py", "-q", "build_ext", *places, "--force"],
        CC=compiler, CFLAGS=" ".join(SANITIZE), LDFLAGS="-fsanitize=address,undefined", TAPIARY_NATIVE="required")
    return next((folder / "tapiary/meter").glob(f"_native*{sysconfig.get_config_var('EXT_SUFFIX')}"))


METER_ALL = """
import importlib.util, sys
from importlib.machinery import ExtensionFileLoader
from pathlib import Path
loader = ExtensionFileLoader("tapiary.meter._native", sys.argv[1])
spec = importlib.util.spec_from_file_location("tapiary.meter._native", sys.argv[1], loader=loader)
module = importlib.util.module_from_spec(spec)
sys.modules["tapiary.meter._native"] = module
loader.exec_module(module)
import tapiary.meter; tapiary.meter._native = module
from tapiary.config import MeterConfig
from tapiary.errors import InvalidInput
tunnels = ["ipip", "gtp-u", "capwap", "tzsp", "gre", "vxlan", "geneve", "l2tp"]
packets = flows = 0
for path in sys.argv[2:]:
    for threads in (1, 2):
        run = tapiary.meter.meter(Path(path), MeterConfig(threads=threads, tunnels=tunnels))
        try:
            for batch in run:
                if batch.flows is not None: batch.flows.validate(full=True)
                if batch.index is not None: batch.index.validate(full=True)
        except InvalidInput:
            continue
        packets += run.result.packets; flows += run.result.flows
print(f"{len(sys.argv) - 2} captures with labels, one and two threads: {packets} packets, {flows} flows")
"""


def meter_with_labels(compiler: str, seeds: list[str]) -> None:
    """Meters every seed with the sanitized module and nDPI in this Python."""
    module = build_module(compiler)
    asked = [compiler, "-print-file-name=libasan.so"]
    preload = subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip()
    # Python itself frees little at its end: leaks are looked for by the harness, which owns all its memory.
    run([sys.executable, "-c", METER_ALL, str(module), *seeds],
        LD_PRELOAD=preload, ASAN_OPTIONS="detect_leaks=0", PYTHONMALLOC="malloc")


def main() -> None:
    """Parse the words and run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--full", action="store_true", help="the long run, with labels")
    parser.add_argument("--labels", action="store_true", help="also meter every seed with nDPI under sanitizers")
    parser.add_argument("--frames", type=int, help="mutated frames")
    parser.add_argument("--files", type=int, help="mutated files")
    parser.add_argument("--merges", type=int, help="merges of mutated files")
    parser.add_argument("--seed", type=int, default=1, help="start of the random numbers")
    parser.add_argument("--corpus", type=Path, help="folder of further captures")
    words = parser.parse_args()
    compiler = os.environ.get("CC") or "gcc"
    folders = [ROOT / "tests/meter/captures", *([words.corpus] if words.corpus else [])]
    found = (path for folder in folders for path in folder.rglob("*.*cap*"))
    captures = sorted(str(path) for path in found if path.suffix in (".pcap", ".pcapng", ".cap"))
    if not captures:
        sys.exit("no captures to start from")
    small = [path for path in captures if Path(path).stat().st_size <= LARGEST_SEED]
    harness = str(build_harness(compiler))
    started = time.monotonic()
    frames = words.frames or (FULL_FRAMES if words.full else SHORT_FRAMES)
    files = words.files or (FULL_FILES if words.full else SHORT_FILES)
    merges = words.merges or (FULL_MERGES if words.full else SHORT_MERGES)
    run([harness, "frames", str(frames), str(words.seed), *captures])
    run([harness, "files", str(files), str(words.seed), *small])
    run([harness, "merge", str(merges), str(words.seed), *small])
    if words.full or words.labels:
        meter_with_labels(compiler, captures)
    print(f"no finding, seed {words.seed}, {time.monotonic() - started:.1f} s")


if __name__ == "__main__":
    main()
