"""Makes the sample database of a format: `python make.py`, once a format, at its release; never for an older one."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from tapiary.database import HEAD, Database, File, Job, Run, Setting, Token

path = Path(__file__).parent / f"{HEAD}.db"
path.unlink(missing_ok=True)
database = Database(f"sqlite:///{path}")
database.upgrade()
with database.session() as session:
    session.add(File(name="office.pcap", size=123_456, mtime_ns=1, quick_hash="ab", seen_at=1.0, job_id=1, run_id=1,
                     time_start=1_700_000_000_000_000, time_end=1_700_000_001_000_000))
    session.flush()
    session.add(Job(kind="process", file_id=1, arguments={"depth": 1}, state="finished", created_at=1.0, started_at=2.0,
                    finished_at=3.0, attempts=1, progress={"packets": 12}))
    session.flush()
    session.add(Run(job_id=1, file_id=1, state="committed", flows=3, summary={"labels": {"TLS": 3}}, created_at=2.0,
                    committed_at=3.0))
    session.add(Token(name="first", hash="00" * 32, rights=["read"], created_at=1.0))
    session.add(Setting(name="format", value=1))
database.close()
with sqlite3.connect(path) as connection:
    connection.execute("PRAGMA journal_mode=DELETE")
