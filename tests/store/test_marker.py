"""Signs of life end with the process, however it ends."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tapiary.store.marker import Marker, is_live, live_tokens


def test_a_marker_lives_until_it_is_closed(tmp_path: Path) -> None:
    marker = Marker(tmp_path, "7")
    other = Marker(tmp_path, "7")
    assert marker.token.startswith("7-")
    assert live_tokens(tmp_path) == {marker.token, other.token}
    marker.close()
    marker.close()
    assert live_tokens(tmp_path) == {other.token}
    del other
    assert list(tmp_path.iterdir()) == []


def test_a_killed_process_leaves_a_dead_sign_that_is_removed(tmp_path: Path) -> None:
    code = (f"import time; from pathlib import Path; from tapiary.store.marker import Marker;"
            f"m = Marker(Path({str(tmp_path)!r}), '7'); print(m.token, flush=True); time.sleep(60)")
    child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    token = child.stdout.readline().strip()
    assert is_live(tmp_path, token)
    child.kill()
    child.communicate()
    assert len(list(tmp_path.iterdir())) == 1
    assert not is_live(tmp_path, token)
    assert list(tmp_path.iterdir()) == []


def test_no_folder_no_writers(tmp_path: Path) -> None:
    assert live_tokens(tmp_path / "none") == set()
    assert not is_live(tmp_path / "none", "7-ab")
