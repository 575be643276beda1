"""Random texts: nothing but `NqlError` leaves the room, and what compiles is one SELECT that the engine can bind."""

from __future__ import annotations

import duckdb
import pytest
import sqlglot
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlglot import exp

from tapiary.query import NqlError, Plan, sql_text
from tapiary.query.functions import FunctionDoc, describe, is_aggregate
from tests.query.asking import PEOPLE, Tables, ask, compiled
from tests.query.running import database

CATALOG = Tables(macros={"M": "age > 5", "S": 'src stream="testdata"', "L": "$L$"}, predicates={"p": "age > 5"})
PIECES = """src stream= coll records dst where set add project sort limit tail top rare fork subPipe sleep unwind fields
    aggr rangeAggr timeAggr splitAggr join explain by on as asc desc ALL and or not in true null if( switch( lookup(
    $M$ $S$ $L$ ${TIMERANGE_TO} ${X} | | | ( ) [ ] { } , : = == != ~= <= + - /a.*/ "testdata" "x" " ' ; -- /* 5 -1 1.5
    1e9 0 unwind=true maxBuckets=2 interval="1d" kind=left `b` \\ ż"""
WORDS = [*PIECES.split(), "\0", "\ud800", "\n", *PEOPLE]
EXAMPLES = settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)


def outcome(text: str) -> Plan | None:
    """The plan, which must hold what it promises, or None for a query that is refused as it should be."""
    try:
        plan = compiled(text, CATALOG, default_stream="testdata")
    except NqlError as error:
        refused = error
    else:
        (parsed,) = sqlglot.parse(sql_text(plan), dialect="duckdb")
        assert isinstance(parsed, exp.Select)
        return plan
    assert refused.line >= 1
    assert refused.column >= 1
    assert refused.message.startswith(f"line {refused.line}, column {refused.column}")
    return None


def run(text: str, plan: Plan) -> None:
    """Run a plan: whatever rows hold, the engine finds no fault."""
    ask('src stream="testdata" | limit 1')
    try:
        database().execute(sql_text(plan)).fetchall()
    except duckdb.Error as error:
        pytest.fail(f"{text}\n{error}\n{sql_text(plan)}")


@EXAMPLES
@given(st.text())
def test_any_text(text: str) -> None:
    outcome(text)


@EXAMPLES
@given(st.lists(st.sampled_from(WORDS), max_size=25).map(" ".join))
def test_any_words(text: str) -> None:
    outcome(text)


FIELDS = st.sampled_from([*PEOPLE, "_stream", "`x y`", '"docs"'])
CONSTANTS = st.sampled_from(["5", "-1", "1.5", '"a"', '"10.0.0.0/8"', "null", "true", "[]", '[1,"a"]', "[1,2]", '"5"'])
REFERENCES = st.sampled_from([*PEOPLE, "_stream"])


FUNCTIONS = [doc for doc in describe() if not is_aggregate(doc.name) and doc.name not in ("if", "switch")]


def _arguments(doc: FunctionDoc) -> int:
    """How many arguments a function takes at least, by its signature."""
    inside = doc.signature.partition("(")[2].rstrip(")").replace("[, ", ", [")
    return sum(bool(part) and part != "…" and part[0] != "[" and part[-1] != "=" for part in inside.split(", "))


def _calls(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    functions = st.sampled_from(FUNCTIONS).flatmap(
        lambda doc: st.lists(inner, min_size=_arguments(doc), max_size=_arguments(doc)).map(
            lambda values: f"{doc.name}({', '.join(values)})"
        )
    )
    choices = st.tuples(inner, inner, inner).map(lambda parts: f"if({parts[0]} = {parts[1]}: {parts[1]}, {parts[2]})")
    switches = st.tuples(inner, inner, inner).map(lambda parts: "switch({}, {}: {}, 5)".format(*parts))
    lists = st.lists(inner, max_size=3).map(lambda items: f"[{', '.join(items)}]")
    maps = inner.map(lambda value: f'lookup("app", "name", {{"ip": {value}}})')
    return functions | choices | switches | lists | maps


VALUES = st.recursive(CONSTANTS | REFERENCES, _calls, max_leaves=6)
OPERATORS = st.sampled_from(["=", "!=", "<", ">=", "~=", "in", "not in"])
TESTS = st.tuples(VALUES, OPERATORS, VALUES).map(" ".join) | REFERENCES.map(lambda name: f"{name} = /a.*b/")
CONDITIONS = st.recursive(
    TESTS,
    lambda inner: (
        st.tuples(inner, st.sampled_from(["and", "or"]), inner).map(lambda parts: f"({' '.join(parts)})")
        | inner.map(lambda condition: f"not {condition}")
    ),
    max_leaves=4,
)
RESULTS = st.sampled_from(
    [
        "n=count(1)",
        "m=max(age)",
        "f=first(fName), l=last(docs)",
        "s=sum(add(age, PD))",
        "j=join(fName)",
        "d=dc(ts)",
        "p=prc95(age)",
    ]
)
BY = st.lists(VALUES, min_size=1, max_size=2).map(
    lambda values: "by " + ", ".join(f"{value} as g{number}" for number, value in enumerate(values))
)
STAGES = st.deferred(
    lambda: st.one_of(
        CONDITIONS.map("where {}".format),
        st.tuples(FIELDS, VALUES).map(lambda pair: f"set {pair[0]} = {pair[1]}"),
        CONDITIONS.map("set q = {}".format),
        st.just("project +PD, +age, +fName, +docs, +ts, +dep"),
        FIELDS.map("sort {} desc, age".format),
        st.integers(0, 9).map("limit {}".format),
        st.integers(0, 9).map("tail {}".format),
        FIELDS.map("limit 2 by {}".format),
        FIELDS.map("unwind {}".format),
        VALUES.map("top {} by dep others=true".format),
        st.just("fields"),
        st.tuples(RESULTS, BY).map("aggr {0[0]} {0[1]} unwind=true maxBuckets=3".format),
        st.tuples(RESULTS, BY).map('timeAggr {0[0]} on ts {0[1]} interval="1d" dir=desc'.format),
        st.tuples(RESULTS, BY).map('rangeAggr {0[0]} on age {0[1]} ranges="0-10,5-20"'.format),
        st.tuples(RESULTS, BY).map("splitAggr {0[0]} (aggr {0[1]} maxBuckets=2), (aggr by age maxBuckets=2)".format),
        st.tuples(STAGES, STAGES).map("fork ({0[0]}), ({0[1]})".format),
        st.tuples(STAGES, st.integers()).map(
            'join kind=left (src stream="testdata" | {0[0]}) on age suffix="{0[1]}"'.format
        ),
        st.integers().map('dst "{0}" | coll "{0}"'.format),
    )
)


@settings(EXAMPLES, max_examples=250)
@given(st.lists(STAGES, min_size=1, max_size=5).map(" | ".join))
def test_queries_that_compile_run(text: str) -> None:
    plan = outcome(text)
    if plan is not None:
        run(text, plan)
