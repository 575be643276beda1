"""explain: a row for each stage with what it changes, and one with the SQL."""

from __future__ import annotations

from typing import Any

from tapiary.query import LONG, STRING, compile, sql_text
from tests.query.running import NOW_MS, Names, database, stream

FIELDS = {f"f{number}": LONG for number in range(20)} | {"name": STRING}


def explained(nql: str) -> list[dict[str, Any]]:
    catalog = Names(streams={"numbers": stream("numbers", "numbers", FIELDS)})
    plan = compile(nql, catalog, now_ms=NOW_MS)
    cursor = database().execute(sql_text(plan))
    names = [name for name, _ in plan.columns]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def test_each_stage_is_told_with_what_it_changes() -> None:
    rows = explained(
        'explain src stream="numbers" | f1 > 5 | set f2 = concat(f2, "x"), sum = add(f1, f3)\n'
        "| project -f4 | aggr n=count(1) by name unwind=true"
    )
    source, where, assign, project, aggregate, whole = rows
    assert [row["stage"] for row in rows] == [1, 2, 3, 4, 5, None]
    assert [row["fields"] for row in rows] == [21, 21, 22, 21, 2, 2]
    assert source["added"] == "f0 long, f1 long, f2 long, f3 long, f4 long, f5 long, … 15 more"
    assert where == {
        "stage": 2, "nql": "f1 > 5", "fields": 21, "added": None, "dropped": None, "changed": None, "sql": None,
    }
    assert (assign["added"], assign["changed"], assign["dropped"]) == ("sum long", "f2 string", None)
    assert (project["added"], project["changed"], project["dropped"]) == (None, None, "f4")
    assert aggregate["added"] == "n long"
    assert aggregate["dropped"] == "f0, f1, f2, f3, f5, f6, … 14 more"
    assert all(row["sql"] is None for row in rows[:-1])
    assert {name for name, cell in whole.items() if cell is not None} == {"fields", "sql"}
    # The SQL names what is read, and nothing of what is only passed on.
    assert '"f1"' in whole["sql"]
    assert '"f7" AS' not in whole["sql"].partition("FROM numbers")[2]


def test_a_field_that_is_assigned_anew_is_changed_even_if_its_type_stays() -> None:
    rows = explained('explain src stream="numbers" | set f1 = 7 | add f1 = 8, g = 9')
    assert [(row["added"], row["changed"]) for row in rows[1:3]] == [(None, "f1 long"), ("g long", None)]
