"""Macros and placeholders, and where errors in them are said to be."""

from __future__ import annotations

import pytest

from tapiary.query import NqlError, Range
from tapiary.query.macros import MAX_TEXT, dashboard_values, replace
from tests.query.asking import Tables, ask, column, compiled

MACROS = {"ALL": 'src stream="testdata"', "OLD": "age > 40", "BOTH": '$OLD$ and dep = "HR"', "LOOP": "($LOOP$)",
"BAD": "a = )",
          "ONE": "$TWO$", "TWO": "$ONE$", "TAIL": "| tail 1 |", "QUOTE": '"', "MANY": "a" * 40_000}  # fmt: skip


def replaced(text: str, **parameters: str) -> str:
    return replace(text, MACROS.get, parameters).text


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("$OLD$", "age > 40"), ("$BOTH$ or $OLD$", 'age > 40 and dep = "HR" or age > 40'), ("$OLD$$OLD$",
        "age > 40age > 40"),
        ('a = "$OLD$"', 'a = "$OLD$"'), ("a = /$OLD$/", "a = /$OLD$/"), ("$eq(a, $OLD$)", "$eq(a, age > 40)"),
        ("$f(1) $g(2)", "$f(1) $g(2)"), ("-${N}", "-5"), ("${Q}", "$OLD$"), ('"${T}"', r'"say \"hi\" \\"'),
        ('"${NONE} x"', '"${NONE} x"'), ('"\\"$OLD$"', '"\\"$OLD$"'), ("a $ b", "a $ b"), ("", ""),
    ],
)  # fmt: skip
def test_texts_are_replaced(text: str, found: str) -> None:
    expected = "age > 40" if found == "$OLD$" else found

    assert replaced(text, N="5", Q="$OLD$", T='say "hi" \\') == expected


def test_replacements_that_are_empty_come_to_an_end() -> None:
    laughs = {"A": "${B}" * 1000, "B": "${C}" * 1000, "C": ""}

    with pytest.raises(NqlError, match="at most 5000 macros and placeholders"):
        ask("records {n: 1} ${A}", parameters=laughs)


def test_a_text_is_too_long_before_it_is_made() -> None:
    with pytest.raises(NqlError, match="at most 65536 characters"):
        ask('records {n: "' + "${LONG}" * 9000 + '"}', parameters={"LONG": "x" * 1_000_000})


def test_a_macro_may_hold_stages_and_sources() -> None:
    catalog = Tables(macros=MACROS)

    assert column(ask("$ALL$ | $BOTH$", catalog), "age") == [56]
    assert column(ask("$ALL$ $TAIL$ project +age", catalog), "age") == [33]


def test_a_value_cannot_break_out_of_its_text() -> None:
    rows = ask('records {a:"${X}"}', parameters={"X": '"} | src stream="alerts" \\'})

    assert rows == [{"a": '"} | src stream="alerts" \\'}]


def test_dashboards_find_their_own_placeholders_filled() -> None:
    values = dashboard_values(Range(1000, 7_201_000), now_ms=0)

    assert values["TIMERANGE_TO"] == "7201000"
    assert values["TIMERANGE_IN_MS_PLACEHOLDER"] == "7200000"
    assert values["AUTOBUCKET_INTERVAL"] == "1m"
    assert dashboard_values(Range(), now_ms=7_200_000)["TIMERANGE_IN_MS_PLACEHOLDER"] == "3600000"
    assert ask("records {a: ${TIMERANGE_TO}}", parameters={"TIMERANGE_TO": "5"}) == [{"a": 5}]


@pytest.mark.parametrize(
    ("text", "column", "said"),
    [
        ("limit 1 | $NOPE$", 11, "there is no macro `$NOPE$`"), ("$LOOP$", 1, "without end: $LOOP$ in $LOOP$"),
        ("limit 1 | $ONE$", 11, "without end: $ONE$ in $TWO$ in $ONE$"), ("${NOPE}",
        1, "the placeholder `${NOPE}` has no value"),
        ("${TIMERANGE_T}", 1, "Did you mean `TIMERANGE_TO`?"), ("limit 1 | $BAD$ | limit 2",
        11, "(inside of $BAD$): `)` cannot"),
        ("$OLD$ | agee = 5", 9, "no field `agee`"), ("$OLD$ | where agee = 5", 15, "no field `agee`"),
        ("$QUOTE$ = 5", 1, "(inside of $QUOTE$): a text that begins here"), ("$MANY$ $MANY$",
        8, "at most 65536 characters"),
        ("a" * (MAX_TEXT + 1), 1, "at most 65536 characters"), ("a = \0", 5, "no zero characters"),
        ('a = "\ud800"', 6, "no halves of characters"),
    ],
    ids=lambda value: value[:20] if isinstance(value, str) else None,
)  # fmt: skip
def test_what_is_wrong_is_told_where_the_user_wrote_it(text: str, column: int, said: str) -> None:
    with pytest.raises(NqlError) as caught:
        compiled(text, Tables(macros=MACROS), default_stream="testdata")

    assert said in caught.value.message
    assert (caught.value.line, caught.value.column) == (1, column)
