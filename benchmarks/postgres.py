"""A PostgreSQL cluster of the benchmarks' own, durable as it comes, with memory like ours; Debian's binaries."""

from __future__ import annotations

import os
import shutil
import subprocess
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg

from .server import Failed

if TYPE_CHECKING:
    from collections.abc import Iterator

_SETTINGS = {
    "shared_buffers": "2GB", "work_mem": "256MB", "maintenance_work_mem": "1GB", "max_wal_size": "8GB",
    "max_connections": "120", "listen_addresses": "",
}


@contextmanager
def cluster(folder: Path) -> Iterator[str]:
    """A running cluster in a folder that is made; gives what psycopg.connect takes. Raises Failed."""
    home = next((f for f in sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
                 if (f / "initdb").exists() and (f / "postgres").exists()), None)
    if home is None:
        raise Failed("PostgreSQL is not installed (Debian: apt install postgresql)")
    folder.mkdir()
    become: list[str] = []
    if os.geteuid() == 0:   # it refuses to run as root, and its account must be able to enter the folder
        become = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
        shutil.chown(folder, "postgres", "postgres")
        for parent in folder.parents:
            if parent.stat().st_mode & 0o001 == 0 and parent != Path("/"):
                raise Failed(f"the account postgres cannot enter {parent}: choose another folder with --work")
    data = folder / "data"
    subprocess.run([*become, home / "initdb", "-D", data, "-U", "bench", "-A", "trust", "-E", "UTF8",
                    "--locale=C.UTF-8"], check=True, stdout=subprocess.DEVNULL, cwd="/")
    options = [word for name, value in _SETTINGS.items() for word in ("-c", f"{name}={value}")]
    server = subprocess.Popen([*become, home / "postgres", "-D", data, "-k", folder, *options],
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd="/")
    try:
        subprocess.run(["timeout", "30", "sh", "-c",
                        f"until '{home}/pg_isready' -q -h '{folder}'; do sleep 0.05; done"], check=True)
        yield f"postgresql://bench@/postgres?host={folder}"
    finally:
        server.terminate()
        server.wait()


def size(connection: psycopg.Connection[Any], table: str) -> int:
    """Bytes of a table with its indexes."""
    found = connection.execute("SELECT pg_total_relation_size(%s::regclass)", (table,)).fetchone()
    assert found is not None
    return int(found[0])
