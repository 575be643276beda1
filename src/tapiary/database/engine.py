"""The connection to the database: engine, sessions, upgrade."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import DatabaseError
from sqlalchemy.orm import Session

from tapiary.database import captures, elements, models, people  # noqa: F401 - each enters its tables into the metadata
from tapiary.database.base import Base

#: Revision of the newest migration. A test compares it with the migrations folder, so that
#: `Database.upgrade` can say "nothing to do" without importing alembic (a quarter of a second).
HEAD = "0003"

#: Seconds that a writer waits for another one. Transactions here last milliseconds; the rest is for a slow disk.
BUSY_TIMEOUT_S = 30.0

#: Key of PostgreSQL's advisory lock around migrations ("tapi" in ASCII).
_UPGRADE_LOCK = 0x74617069


class Database:
    """The database behind a URL: `sqlite:///path` (WAL) or any PostgreSQL URL of SQLAlchemy.

    The constructor does no I/O. Safe to share between threads; each process makes its own.
    """

    def __init__(self, url: str) -> None:
        self.url = make_url(url)
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        self.engine: Engine = self._make_engine()
        #: The same pool, for transactions that only read: they never wait for a writer.
        self.readers: Engine = self.engine.execution_options(tapiary_begin="DEFERRED")
        #: The same pool, for writes that may be lost in a power cut (progress, heartbeats), never torn.
        self.casual: Engine = self.engine.execution_options(tapiary_synchronous="NORMAL")

    def _make_engine(self) -> Engine:
        if not self.is_sqlite:
            return create_engine(self.url, pool_pre_ping=True, pool_size=5, max_overflow=25)
        engine = create_engine(self.url, connect_args={"timeout": BUSY_TIMEOUT_S}, pool_size=5, max_overflow=45)
        event.listen(engine, "connect", _on_sqlite_connect)
        event.listen(engine, "begin", _on_sqlite_begin)
        return engine

    @contextmanager
    def session(self, *, write: bool = True, durable: bool = True) -> Iterator[Session]:
        """A session in one transaction: committed at the end of the block, rolled back when the block raises.

        write: take SQLite's write lock at the start (BEGIN IMMEDIATE); without it the block may only read.
        durable: the commit is on the disk when the block ends. Objects stay readable after the block.
        """
        engine = self.readers if not write else self.engine if durable else self.casual
        with Session(engine, expire_on_commit=False) as session:
            try:
                yield session
                session.commit()
            except BaseException:
                session.rollback()
                raise

    def upgrade(self) -> None:
        """Bring the tables to this version's form; one SELECT when they already have it.

        A new database gets all tables at once; an older one is migrated step by step by alembic.
        Raises Unavailable when the database was made by a newer version of the program.
        """
        if self.revision() == HEAD:
            return
        if self.is_sqlite and self.url.database:
            Path(self.url.database).parent.mkdir(parents=True, exist_ok=True)
        with self.engine.begin() as connection:
            if not self.is_sqlite:
                connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _UPGRADE_LOCK})
            found = _revision(connection)
            if found == HEAD:
                return
            if found is None:
                Base.metadata.create_all(connection, checkfirst=False)
                connection.execute(text(
                    "CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL, "
                    "CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num))"))
                connection.execute(text("INSERT INTO alembic_version VALUES (:head)"), {"head": HEAD})
                return
            from tapiary.database.migrations import migrate

            migrate(connection, found)

    def revision(self) -> str | None:
        """The migration that the database stands at, None when it has no tables yet."""
        if self.is_sqlite and self.url.database and not Path(self.url.database).exists():
            return None
        try:
            with self.readers.connect() as connection:
                return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
        except DatabaseError:
            with self.readers.connect() as connection:
                return _revision(connection)

    def close(self) -> None:
        """Close all connections of the pool."""
        self.engine.dispose()


def _revision(connection: Connection) -> str | None:
    from sqlalchemy import inspect

    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()


def _on_sqlite_connect(connection: Any, record: Any) -> None:
    # The driver's own transactions begin at the first write: too late for IMMEDIATE. We begin ourselves.
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "wal_autocheckpoint=1000"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _on_sqlite_begin(connection: Connection) -> None:
    options = connection.get_execution_options()
    begin = options.get("tapiary_begin", "IMMEDIATE")
    if begin == "IMMEDIATE":  # the level cannot be changed inside of a transaction
        connection.exec_driver_sql(f"PRAGMA synchronous={options.get('tapiary_synchronous', 'FULL')}")
    connection.exec_driver_sql(f"BEGIN {begin}")
