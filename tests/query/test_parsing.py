"""Texts into trees, and what is said about those that are none."""

from __future__ import annotations

import pickle

import pytest

from tapiary.query import NqlError, parse, tree
from tapiary.query.parsing import MAX_NESTING


def condition(text: str) -> tree.Expression:
    (stage,) = parse(f"where {text}").stages
    assert isinstance(stage, tree.Where)
    return stage.condition


def constant(text: str) -> object:
    found = condition(text)
    assert isinstance(found, tree.Literal)
    return found.value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("5", 5), ("-5", -5), ("5l", 5), ("5.0", 5.0), ("5d", 5.0), ("5f", 5.0), ("-0.1d", -0.1), ("1e3", 1000.0),
        ("9223372036854775807", 2**63 - 1), ("-9223372036854775808", -(2**63)), ("true", True), ("FALSE", False),
        ("Null", None), ('""', ""), (r'"a\"b\\c\n\t"', 'a"b\\c\n\t'), (r'"\d+\."', r"\d+\."), ('"ż 🐢"', "ż 🐢"),
        ('"two\nlines"', "two\nlines"), ('"a | b"', "a | b"), ('"$M$ // -- ;"', "$M$ // -- ;"),
    ],
)  # fmt: skip
def test_constants(text: str, value: object) -> None:
    found = constant(text)

    assert found == value
    assert type(found) is type(value)


def test_not_binds_tightest_then_and_then_or() -> None:
    found = condition("a or not b AND c or d")

    assert isinstance(found, tree.Any)
    first, middle, last = found.of
    assert isinstance(first, tree.Name)
    assert isinstance(last, tree.Name)
    assert isinstance(middle, tree.All)
    assert isinstance(middle.of[0], tree.Not)


def test_words_are_keywords_only_where_a_keyword_can_stand() -> None:
    text = "where limit = 5 and by = 1 | sort = 3 | project +set, +in as asc | sort desc desc | set on=stream | dst dst"

    assert len(parse(text).stages) == 6


def test_functions_may_have_the_name_of_a_command() -> None:
    (stage,) = parse("add(a, b) > 5").stages

    assert isinstance(stage, tree.Where)
    assert isinstance(parse("add a=b").stages[0], tree.Assign)


def test_a_dollar_before_a_function_means_nothing() -> None:
    assert isinstance(found := condition("$eq(a, 5)"), tree.Call)
    assert found.name == "eq"
    assert isinstance(condition("$not (a)"), tree.Call)
    assert isinstance(condition("not (a)"), tree.Not)


def test_options_of_functions_are_parted_by_commas_or_blanks() -> None:
    found = condition("f(a, b, x=1 y=[1,2], z=word)")

    assert isinstance(found, tree.Call)
    assert [option.name for option in found.options] == ["x", "y", "z"]
    assert isinstance(found.options[2].value, tree.Literal)
    assert found.options[2].value.value == "word"


def test_every_node_knows_where_it_stands() -> None:
    text = 'src stream="x" |\n  where age = 5'

    (_, stage) = parse(text).stages
    assert isinstance(stage, tree.Where)
    assert isinstance(stage.condition, tree.Compare)
    assert text[stage.condition.left.at :].startswith("age")
    assert text[stage.condition.right.at :] == "5"


@pytest.mark.parametrize(
    ("text", "line", "column", "said"),
    [
        ("where", 1, 6, "the query ends where `not` or a value is expected"),
        ("limit 1 |\n where a =", 2, 11, "the query ends where a /pattern/ or a value is expected"),
        ("where a = 'x'", 1, 11, 'Texts stand in "double quotes".'),
        ('where a = "x', 1, 11, "a text that begins here has no end"),
        ("where a <> 5", 1, 10, "`>` cannot stand here"), ("lmit 5", 1, 6, "Did you mean `limit`?"),
        ("limit 1 | agr n=count(1) by x", 1, 15, "Did you mean `aggr`?"),
        ('src stream="x"; limit 1', 1, 15, "its stages are parted by `|`"), ("limit 1.5", 1, 7, "no whole number"),
        ("limit -1", 1, 7, "expected"), ("tail 99999999999999999999", 1, 6, "no whole number"),
        ("a > /x/", 1, 5, "stands behind `=` or `!=`"), ("f(a: b) = 1", 1, 6, "only `switch` takes"),
        ("a = 9223372036854775808", 1, 5, "larger than 64 bits"), ("a = 1e999", 1, 5, "larger than 64 bits"),
        ("a = " + "9" * 500, 1, 5, "too many digits"), ("where ((a)", 1, 11, "`)`"), ("where a)", 1, 8, "`)` cannot"),
        ("sort a desc 5", 1, 13, "`5` cannot stand here"), ("sort a foo", 1, 11, "`=`"),
        ("fork limit 1", 1, 6, "expected `(`"), ("splitAggr n=5", 1, 13, "expected a function"),
        ("a b", 1, 3, "`b` cannot"), ("set a = b + 1", 1, 11, "Compute with add(a, b)"),
        ("set a = b / 2", 1, 11, "div(a, b)"), ("select a from b", 1, 8, "begins with a source"),
        ("group by a", 1, 7, "`aggr n=count(1) by field`"),
        ("where a == == b", 1, 12, "`=` cannot"), ('set ""=5', 1, 5, "a name has 1 to 255 characters"),
        ("set `" + "x" * 256 + "`=5", 1, 5, "a name has 1 to 255 characters"),
        ('dst "a\nb"', 1, 5, "a name has 1 to 255 characters"),
        ("where " + "(" * (MAX_NESTING + 1) + "a" + ")" * (MAX_NESTING + 1),
        1, 7 + MAX_NESTING, "deep within each other"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_with_its_place(text: str, line: int, column: int, said: str) -> None:
    with pytest.raises(NqlError) as caught:
        parse(text)

    assert said in caught.value.message
    assert caught.value.message.startswith(f"line {line}, column {column}: ")
    assert (caught.value.line, caught.value.column) == (line, column)
    assert caught.value.status == 400
    assert caught.value.code == "invalid_query"


def test_an_error_lists_what_could_have_stood_there() -> None:
    with pytest.raises(NqlError) as caught:
        parse("sort a desc x")

    assert caught.value.expected == ("`=`",)


def test_errors_survive_the_way_between_processes() -> None:
    with pytest.raises(NqlError) as caught:
        parse("a = ")

    again = pickle.loads(pickle.dumps(caught.value))
    assert (again.message, again.line, again.column, again.expected, again.field) == (
        caught.value.message, 1, 5, caught.value.expected, "nql",
    )  # fmt: skip


@pytest.mark.parametrize(
    "text",
    [
        "where " + "not " * 10_000 + "a", "where " + " or ".join(["a = 1"] * 5000), "where a in [" + "1," * 9000 + "1]",
        "|" * 60_000, "set " + ",".join(f"a{n}=1" for n in range(5000)), "where " + "f(" * 24 + "a" + ")" * 24,
        "where " + "(" * 24 + "a" + ")" * 24 + " = 1 or b",
    ],
    ids=lambda text: text[:12],
)  # fmt: skip
def test_long_texts_are_read(text: str) -> None:
    assert parse(text)
