"""What the guide to the tables shows works as it stands there, after one capture was processed."""

import os
import re
import sqlite3
import subprocess
import sys
import textwrap
from pathlib import Path

import duckdb
import pytest

ROOT = Path(__file__).parent.parent.parent
GUIDE = (ROOT / "docs" / "guide" / "tables.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    found = re.findall(rf"^([ ]*)```{language}\n(.*?)^\1```", GUIDE, re.DOTALL | re.MULTILINE)
    return [textwrap.dedent(text) for _indent, text in found]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home folder in which the sample capture was processed."""
    home = tmp_path_factory.mktemp("home")
    command = [sys.executable, "-m", "tapiary.cli", "process", "--json", str(ROOT / "examples" / "sample.pcap")]
    environ = {name: value for name, value in os.environ.items() if not name.startswith("TAPIARY_")}
    subprocess.run(command, env=environ | {"HOME": str(home)}, check=True, timeout=120)
    return home


def test_python(home: Path) -> None:
    code = "\n".join(blocks("python")) + "\nassert (clients == '192.168.10.21').any()"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"HOME": str(home)},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert "TLS.YouTube" in done.stdout


def test_sql_of_the_committed_runs(home: Path) -> None:
    (statement,) = [text for text in blocks("sql") if "tapiary.db" in text]
    database = sqlite3.connect(home / ".local/share/tapiary/tapiary.db")
    assert database.execute(statement.partition(";")[0]).fetchall() == [(1,)]


def test_parquet_files_open_without_delta(home: Path) -> None:
    files = home / ".local/share/tapiary/tables/flows/*/*.parquet"
    rows = duckdb.connect().execute("SELECT count(*) FROM read_parquet(?)", [str(files)]).fetchall()
    assert rows == [(27,)]
