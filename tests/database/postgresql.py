"""A PostgreSQL cluster of the test's own, in a temporary folder, by the binaries of the machine."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


def binaries() -> Path | None:
    """The folder of initdb and postgres, None where PostgreSQL is not installed."""
    found = shutil.which("initdb")
    folders = [Path(found).resolve().parent] if found else []
    folders += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return next((f for f in folders if (f / "initdb").exists() and (f / "postgres").exists()), None)


@contextmanager
def cluster(folder: Path) -> Iterator[str]:
    """Start a cluster and give its SQLAlchemy URL; skips the test where that is not possible."""
    home = binaries()
    if home is None:
        pytest.skip("PostgreSQL is not installed")
    pytest.importorskip("psycopg")
    # PostgreSQL refuses to run as root; Debian's account for it can only go where it may enter.
    become: list[str] = []
    if os.geteuid() == 0:
        try:
            become = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
            shutil.chown(folder, "postgres", "postgres")
        except LookupError:
            pytest.skip("no unprivileged account for PostgreSQL")
    data = folder / "data"
    command = [*become, home / "initdb", "-D", data, "-U", "tapiary", "-A", "trust", "--no-sync", "-E", "UTF8",
               "--locale=C.UTF-8"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd="/")
    server = subprocess.Popen(
        [*become, home / "postgres", "-D", data, "-k", folder, "-h", "", "-c", "fsync=off"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd="/")
    try:
        subprocess.run(["timeout", "30", "sh", "-c",
                        f"until '{home}/pg_isready' -q -h '{folder}'; do sleep 0.05; done"], check=True)
        yield f"postgresql+psycopg://tapiary@/postgres?host={folder}"
    finally:
        server.terminate()
        server.wait()
