"""Models and migrations say the same, and old databases come up to date."""

from __future__ import annotations

import re
import shutil
import sqlite3
from pathlib import Path

from alembic import command
from alembic.script import ScriptDirectory
from sqlalchemy import text

from tapiary.database import HEAD, Database, File, Job, Run, Token
from tapiary.database.migrations import configuration, migrate

SAMPLES = Path(__file__).parent / "samples"


def schema_of(path: Path) -> list[str]:
    with sqlite3.connect(path) as connection:
        rows = connection.execute("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL").fetchall()
    return sorted(re.sub(r"\s*([(),])\s*|\s+", r"\1 ", sql).strip() for (sql,) in rows)


def test_head_is_the_newest_migration() -> None:
    assert ScriptDirectory.from_config(configuration()).get_heads() == [HEAD]


def test_models_need_no_further_migration(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/t.db")
    with database.engine.begin() as connection:
        migrate(connection, None)
        command.check(configuration(connection))


def test_a_new_database_equals_a_migrated_one(tmp_path: Path) -> None:
    new, migrated = Database(f"sqlite:///{tmp_path}/new.db"), Database(f"sqlite:///{tmp_path}/migrated.db")
    new.upgrade()
    with migrated.engine.begin() as connection:
        migrate(connection, None)
    new.close()
    migrated.close()
    assert schema_of(tmp_path / "new.db") == schema_of(tmp_path / "migrated.db")


def test_the_first_format_still_opens(tmp_path: Path) -> None:
    shutil.copy(SAMPLES / "0001.db", tmp_path / "t.db")
    database = Database(f"sqlite:///{tmp_path}/t.db")
    database.upgrade()
    assert database.revision() == HEAD
    with database.session(write=False) as session:
        file = session.query(File).one()
        assert (file.name, file.size, file.run_id) == ("office.pcap", 123_456, 1)
        job = session.query(Job).one()
        assert (job.state, job.arguments, job.progress) == ("finished", {"depth": 1}, {"packets": 12})
        assert session.query(Run).one().summary == {"labels": {"TLS": 3}}
        assert session.query(Token).one().rights == ["read"]
    with database.engine.begin() as connection:
        connection.execute(text("SELECT 1"))
        command.check(configuration(connection))
