"""The filter of listings: what clients send, and what must be told."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tapiary.errors import InvalidInput
from tapiary.services.elements.where import where

ELEMENT = {
    "id": "65ac6a43-8173bfdf-d1815c2c", "category": "userIndex.index", "name": "Z\"x\\y", "tags": None,
    "config": {"name": "Zabbix", "active": True, "n": 1, "deep": {"er": 2.5}},
}


@pytest.mark.parametrize("text", [
    'category="userIndex.index"', 'category = "userIndex.index"', 'category == "userIndex.index"',
    ' config.name = "Zabbix" ', 'config.name != "x"', "config.active = true", "config.active = TRUE", "config.n = 1",
    "config.n = 1.0", "config.deep.er = 2.5", "tags = null", "config.nothing = null", "config.name.more = null",
    'name = "Z\\"x\\\\y"', 'category="a" or category="userIndex.index"', 'not category="a"',
    'NOT (category="a" OR name="b") AND config.n = 1', 'category="a" and name="b" or config.n=1',
    'config.n=1 or category="a" and name="b"', "not not config.n = 1", '((config.n = 1))', "config.n != true",
])
def test_true_of_the_element(text: str) -> None:
    assert where(text)(ELEMENT)


@pytest.mark.parametrize("text", [
    'category="lookup.lookup"', 'category != "userIndex.index"', "config.active = 1", "config.n = true",
    'config.n = "1"', "tags != null", 'not category = "userIndex.index"', 'config.n = 1 and name = "b"',
    "config.n = 01.5", 'category = "USERINDEX.INDEX"',
])
def test_false_of_the_element(text: str) -> None:
    assert not where(text)(ELEMENT)


@pytest.mark.parametrize(("text", "place"), [
    ("category", 9), ("category =", 11), ("category = x", 12), ("owner = 1", 1), ("= 1", 1), ("config.n = 1 and", 17),
    ("(config.n = 1", 14), ("config.n = 1)", 13), ("config.n = 1 config.n = 1", 14), ('name = "x', 8),
    ('name = "\\q"', 8), ("config.n < 1", 10), ("not", 4), ("name = 'x'", 8), ("category = 1 or or", 17),
])
def test_the_place_of_an_error(text: str, place: int) -> None:
    with pytest.raises(InvalidInput, match=f"at character {place} ") as refused:
        where(text)
    assert refused.value.field == "filter"


@pytest.mark.parametrize("text", ["(" * 1000, "not " * 1000, "not " * 100 + "config.n = 1", "x" * 5000])
def test_beyond_measure(text: str) -> None:
    with pytest.raises(InvalidInput, match="filter"):
        where(text)


@given(st.text() | st.text('category="()!= andort\\1.', max_size=30))
def test_any_text_is_a_filter_or_refused(text: str) -> None:
    with suppress(InvalidInput):
        assert where(text)(ELEMENT) in (True, False)
