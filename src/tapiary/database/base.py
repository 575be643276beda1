"""What all models share."""

from __future__ import annotations

from sqlalchemy import BigInteger, Integer, MetaData
from sqlalchemy.orm import DeclarativeBase

#: 64 bits everywhere; SQLite hands out row identifiers only for columns that are declared INTEGER.
Big = BigInteger().with_variant(Integer, "sqlite")

#: Names of constraints must be the same in models and migrations, also where an engine would invent them.
NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s", "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s", "pk": "pk_%(table_name)s",
}


class Base(DeclarativeBase):
    """The parent of all models; its metadata has all tables."""

    metadata = MetaData(naming_convention=NAMING)
