"""The examples that the project ships are what their script makes, and what the settings accept."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent


def test_the_sample_capture_is_what_its_script_makes(tmp_path: Path, sample: Path) -> None:
    made = tmp_path / "sample.pcap"
    subprocess.run([sys.executable, "-m", "tools.make_sample", str(made)], cwd=ROOT, check=True, timeout=120)
    assert made.read_bytes() == sample.read_bytes()
