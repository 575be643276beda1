"""Processing one file imports nothing of the server."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

SCRIPT = """
import sys
from pathlib import Path
from tapiary.config import Config
from tapiary.services import Services
never = {"flask", "pydantic", "flask_openapi3", "gunicorn", "alembic", "duckdb"}
heavy = never | {"sqlalchemy", "deltalake", "pyarrow", "numpy"}
assert not heavy & set(sys.modules), heavy & set(sys.modules)
services = Services(Config(data_dir=sys.argv[1]))
services.ingest.process_file(Path(sys.argv[2]))
assert not never & set(sys.modules), never & set(sys.modules)
"""


def test_processing_imports_no_server(tmp_path: Path, sample: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(tmp_path), str(sample)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
