"""Texts that try to be SQL: whatever a query holds, it becomes one SELECT over relations that it may read."""

from __future__ import annotations

import pytest
import sqlglot
from sqlglot import exp

from tapiary.query import NqlError, sql_text
from tests.query.asking import ask, compiled

#: What breaks out of texts, names, comments and parameters elsewhere.
PAYLOADS = [
    "'", "''", '"', '""', '" OR 1=1 --', "' OR '1'='1", "'; DROP TABLE nql_test_testdata; --", "/* */",
    "*/ SELECT 1 /*",
    "--", "-- \n", "; SELECT 1", "\\", "\\'", "\\\\'", "$$", "$tag$x$tag$", "x'41'", "E'\\x41'", "${X}", "`", "%",
    "_", "?", "$1",
    ":name", "{{x}}", "{% x %}", "\u2019", "\u02bc", "\uff07", "ʼ; DROP TABLE x", "\u202e'", "\u00a0", "\u2028",
    "\ufeff", "A\u0301",
    "read_csv('/etc/passwd')", "'/etc/passwd'", "nql_1", "nql_key_0", "information_schema.tables",
    "pg_catalog.pg_class",
    "(SELECT 1)", "a\tb", "🐢'🐢", "'" * 500, '\\"' * 500, "current_user", "NULL", "1e1000",
]  # fmt: skip
#: Relations of the tests' catalogue; all others are the query's own.
ALLOWED = {"nql_test_testdata", "lookup_app"}
#: Stages behind `src stream="testdata" |` that hold a text …
TEXTS = [
    "where fName = {text}", "set x={text} | project +x", "where fName ~= {text}", 'where fName in [{text}, "b"]',
    "where contains(fName, {text})", 'where replace(fName, {text}, {text}) = "b"', "where regex(fName, {text})",
    "set x=concat(fName, lName, delimiter={text})", "aggr n=join(fName, delimiter={text})", "where docs = {text}",
    "set x=tsToStr(ts, format={text})", 'set x=lookup("app", "name", {{"ip": {text}}}, default={text})',
    'set x=getValue({text}, {{"k": {text}}})',
    "set x=lookup({text}, {text}, {{{text}: age}})", "where in({text}, docs)",
    "rangeAggr n=count(1) on age ranges={text}", "timeAggr n=count(1) on ts interval={text}",
    "switch(dep, {text}: 1, 2) = 1", "fork (src stream={text})", "fork (src stream=testdata startTime={text})",
]  # fmt: skip
#: … and such that hold a name: in quotes or backticks, and as the text of a key.
NAMES = [
    "set {name}=5 | where {name} = 5 | sort {name} | limit 1 by {name} | project +{name}",
    "project fName as {name} | aggr by {name} | limit 1",
    "aggr {name}=count(1) by dep as {name}_ unwind=true | sort {name} desc | tail 2",
    "set {name}=docs | unwind {name} | top {name}", "dst {name} | coll {name}",
    'set {name}=1 | fork (limit 1), (fields) | join (records {{{key}:1}}) on {name} suffix="_b"',
    'timeAggr {name}=count(1) on ts interval="1d" bucketAlias={key}',
    "splitAggr n=sum(age) (aggr by dep as {name}), (aggr by lName as y maxBuckets=1) unwind=true",
    "fork (records {{{key}:1}},{{{key}:2, {key2}:3}} | sort {name} desc)",
]  # fmt: skip


def escaped(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def check(text: str) -> None:
    """The query is refused, or is one SELECT over allowed relations and its own."""
    try:
        statement = sql_text(compiled(text))
    except NqlError:
        return
    (parsed,) = sqlglot.parse(statement, dialect="duckdb")
    assert isinstance(parsed, exp.Select)
    own = {cte.alias for cte in parsed.find_all(exp.CTE)} | {alias.name for alias in parsed.find_all(exp.TableAlias)}
    assert {table.name for table in parsed.find_all(exp.Table)} <= own | ALLOWED
    assert all(not table.db and not table.catalog for table in parsed.find_all(exp.Table))
    assert not any(isinstance(node, exp.DDL | exp.DML | exp.Command | exp.Set | exp.Pragma) for node in parsed.walk())
    assert not any(node.comments for node in parsed.walk())


@pytest.mark.parametrize("stages", TEXTS)
def test_texts_stay_texts(stages: str) -> None:
    for payload in PAYLOADS:
        check('src stream="testdata" | ' + stages.format(text=escaped(payload)))


@pytest.mark.parametrize("stages", NAMES)
def test_names_stay_names(stages: str) -> None:
    for number, payload in enumerate(PAYLOADS):
        key, key2 = escaped(payload), escaped(payload + "2")
        name = key if number % 2 else "`" + payload + "`"
        check('src stream="testdata" | ' + stages.format(name=name, key=key, key2=key2))


@pytest.mark.parametrize("payload", PAYLOADS)
def test_a_text_comes_back_as_it_was_written(payload: str) -> None:
    assert ask(f"records {{a:{escaped(payload)}}} | where a = {escaped(payload)}") == [{"a": payload}]


@pytest.mark.parametrize("payload", [payload for payload in PAYLOADS if payload.isprintable() and "`" not in payload])
def test_a_name_comes_back_as_it_was_written(payload: str) -> None:
    if len(payload) > 255:
        with pytest.raises(NqlError):
            compiled(f"records {{a:1}} | set `{payload}`=1")
        return

    name = f"`{payload}`"
    rows = ask(f"records {{a:1}} | set {name}=2 | where {name} = 2 | sort {name} | tail 1 | limit 1 by {name}")
    assert rows == [{"a": 1, payload: 2}]


@pytest.mark.parametrize("payload", PAYLOADS)
def test_a_value_of_a_placeholder_is_no_more_than_nql(payload: str) -> None:
    assert ask('records {a:"${P}"}', parameters={"P": payload}) == [{"a": payload}]
    for text in ("records {a:${P}}", 'src stream="testdata" | ${P}', 'src stream="testdata" | where age = ${P}'):
        try:
            statement = sql_text(compiled(text, parameters={"P": payload}))
        except NqlError:
            continue
        assert isinstance(sqlglot.parse_one(statement, dialect="duckdb"), exp.Select)


@pytest.mark.parametrize("payload", PAYLOADS)
def test_text_that_is_no_nql_is_refused(payload: str) -> None:
    with pytest.raises(NqlError):
        compiled(f'src stream="testdata" | {payload} | limit')
    check(f'src stream="testdata" | {payload}')
