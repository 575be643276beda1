"""Columns that nobody reads go; rows stay as they are."""

from __future__ import annotations

import pytest
from sqlglot import exp, parse_one

from tapiary.query.compiling.pruning import prune
from tests.query.running import database


def pruned(text: str) -> str:
    statement = parse_one(text, dialect="duckdb")
    assert isinstance(statement, exp.Select)
    prune(statement)
    return statement.sql(dialect="duckdb")


def test_what_no_later_select_names_goes() -> None:
    found = pruned("WITH a AS (SELECT 1 AS x, 2 AS y), b AS (SELECT a.x AS x, a.y AS y FROM a) SELECT b.x FROM b")
    assert found == "WITH a AS (SELECT 1 AS x), b AS (SELECT a.x AS x FROM a) SELECT b.x FROM b"


def test_conditions_keys_and_inner_selects_read_too() -> None:
    found = pruned(
        "WITH a AS (SELECT 1 AS x, 2 AS y, 3 AS z, 4 AS w, 5 AS v), "
        "b AS (SELECT a.x AS x, (SELECT max(t.w) FROM a AS t) AS m FROM a WHERE a.y > 1 ORDER BY a.z LIMIT 5) "
        "SELECT m FROM b"
    )
    assert "1 AS x" not in found
    assert "5 AS v" not in found
    assert all(part in found for part in ("2 AS y", "3 AS z", "4 AS w"))


@pytest.mark.parametrize(
    "text",
    [
        # Groups by position, of which none is read; a total of which nothing is read.
        "WITH a AS (SELECT i % 3 AS k, count(*) AS n FROM range(10) AS t(i) GROUP BY 1), b AS (SELECT n AS m FROM a) "
        "SELECT NULL AS nothing FROM b",
        "WITH a AS (SELECT count(*) AS n, max(i) AS m FROM range(10) AS t(i)) SELECT NULL AS nothing FROM a",
        # What makes several rows of one.
        "WITH a AS (SELECT unnest([1, 2, 3]) AS x, 1 AS y), b AS (SELECT a.y AS y FROM a) SELECT y FROM b",
        # Different rows, by columns that are not read.
        "WITH a AS (SELECT DISTINCT i AS i, 1 AS y FROM range(4) AS t(i)) SELECT y FROM a",
        # Columns by their places.
        "WITH a AS (SELECT 1 AS x, 2 AS y), b AS (SELECT x, y FROM a UNION ALL SELECT y, x FROM a) SELECT y FROM b",
        # All columns.
        "WITH a AS (SELECT 1 AS x, 2 AS y), b AS (SELECT * FROM a) SELECT x FROM b",
        "WITH a AS (SELECT 1 AS x, 2 AS y) SELECT * FROM a",
        # Names that differ in case alone are one.
        'WITH a AS (SELECT 1 AS x, 2 AS "Y") SELECT y FROM a',
    ],
)
def test_rows_stay_as_they_are(text: str) -> None:
    assert sorted(database().execute(pruned(text)).fetchall()) == sorted(database().execute(text).fetchall())
