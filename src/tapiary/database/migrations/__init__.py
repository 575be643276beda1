"""Migrations by alembic, one file a step in `versions/`; the database is brought up by `Database.upgrade`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tapiary.errors import Unavailable

if TYPE_CHECKING:
    from alembic.config import Config
    from sqlalchemy import Connection


def configuration(connection: Connection | None = None) -> Config:
    """Alembic's configuration for this folder, working on an open connection."""
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config


def migrate(connection: Connection, found: str | None, target: str = "head") -> None:
    """Run every step from the found revision to the target, inside the connection's transaction.

    Raises Unavailable when the found revision is unknown here: the database is newer than the program.
    """
    from alembic import command
    from alembic.script import ScriptDirectory
    from alembic.util import CommandError

    config = configuration(connection)
    if found is not None:
        try:
            ScriptDirectory.from_config(config).get_revision(found)
        except CommandError as error:
            raise Unavailable(
                f"the database is at revision {found!r}, which this version of tapiary does not know: "
                "start the newer version that made it", code="database_too_new",
            ) from error
    command.upgrade(config, target)
