"""The stream `testdata`: a dozen invented people, for trying out queries. It has no `timestamp`."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from tapiary.query import BOOLEAN, DOUBLE, LONG, STRING, Type, list_of
from tapiary.services.queries.kept import table

if TYPE_CHECKING:
    import pyarrow as pa

NAMES = ("testdata",)
TYPES: dict[str, Type] = {
    "fName": STRING, "lName": STRING, "dep": STRING, "ctry": STRING, "country": STRING, "age": LONG, "host": STRING,
    "docs": list_of(STRING), "PD": BOOLEAN, "ts": LONG, "balance": DOUBLE,
}
#: 2024-01-01 00:00 UTC, and a quarter of a day, by which the rows follow each other.
_START_MS, _STEP_MS = 1_704_067_200_000, 21_600_000
_PEOPLE: tuple[tuple[str, str, str, str, int | None, str, list[str], bool, float | None], ...] = (
    ("Anna", "Novak", "IT", "CZ", 34, "192.0.2.10", ["id", "passport"], True, 1250.5),
    ("Piotr", "Kowalski", "IT", "PL", 41, "192.0.2.11", ["id"], False, 8200.0),
    ("Maria", "Silva", "Sales", "PT", 29, "198.51.100.4", [], True, 430.25),
    ("Jan", "Novak", "Sales", "CZ", 52, "198.51.100.5", ["id", "visa"], True, 9999.99),
    ("Eva", "Horvat", "HR", "HR", 38, "203.0.113.7", ["passport"], False, 0.0),
    ("Lukas", "Weber", "IT", "DE", 27, "2001:db8::17", ["id", "passport", "visa"], True, 5100.75),
    ("Sofia", "Rossi", "HR", "IT", 45, "203.0.113.8", ["id"], True, -120.0),
    ("Adam", "Kowalski", "Finance", "PL", 61, "192.0.2.12", [], False, 15000.0),
    ("Ines", "Silva", "Finance", "PT", 33, "198.51.100.6", ["visa"], True, 7300.4),
    ("Tomas", "Dvorak", "IT", "CZ", None, "", ["id", "id"], False, 64.0),
    ("Emma", "Weber", "Sales", "DE", 24, "2001:db8::18", ["passport", "id"], True, None),
    ("Marek", "Zielinski", "Finance", "PL", 48, "192.0.2.13", ["id"], True, 4999.0),
)


@cache
def testdata() -> pa.Table:
    """The rows."""
    return table(TYPES, (
        {
            "fName": first, "lName": last, "dep": department, "ctry": country, "country": country, "age": age,
            "host": host or None, "docs": docs, "PD": known, "ts": _START_MS + at * _STEP_MS, "balance": balance,
        }
        for at, (first, last, department, country, age, host, docs, known, balance) in enumerate(_PEOPLE)
    ))
