"""Text for terminals of any width, encoding and colour."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tapiary.cli.layout import LEAST_WIDTH, PIPE_WIDTH, Screen, columns, printable

COLOUR = Screen(80, colour=True)
PLAIN = Screen(80)
ASCII = Screen(80, unicode=False)


class Terminal(io.TextIOWrapper):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def terminal(encoding: str = "utf-8") -> Terminal:
    return Terminal(io.BytesIO(), encoding=encoding)


def test_a_pipe_is_plain() -> None:
    screen = Screen.of(io.TextIOWrapper(io.BytesIO(), encoding="utf-8"))
    assert (screen.width, screen.colour, screen.unicode) == (PIPE_WIDTH, False, True)


@pytest.mark.parametrize(("name", "value"), [("NO_COLOR", "1"), ("TERM", "dumb")])
def test_colour_only_where_it_is_wanted(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    assert Screen.of(terminal()).colour
    monkeypatch.setenv(name, value)
    assert not Screen.of(terminal()).colour


def test_width_is_the_terminals_but_never_absurd(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "63")
    assert Screen.of(terminal()).width == 63
    monkeypatch.setenv("COLUMNS", "5")
    assert Screen.of(terminal()).width == LEAST_WIDTH


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252", "koi8-r"])
def test_other_encodings_get_ascii(encoding: str) -> None:
    screen = Screen.of(terminal(encoding))
    assert not screen.unicode
    screen.bar(1, 3).encode(encoding)
    screen.clip("x" * 100, 10).encode(encoding)


def test_style() -> None:
    assert COLOUR.style("x", "red") == "\x1b[31mx\x1b[0m"
    assert PLAIN.style("x", "red", bold=True) == "x"
    assert PLAIN.heading("x") == "x"


@pytest.mark.parametrize(("part", "whole", "bar"), [
    (0, 10, "    "), (10, 10, "████"), (5, 10, "██  "), (1, 10**9, "▏   "), (99, 10, "████"), (1, 0, "    "),
])
def test_bar(part: int, whole: int, bar: str) -> None:
    assert PLAIN.bar(part, whole, 4) == bar
    assert len(ASCII.bar(part, whole, 4)) == 4
    assert ASCII.bar(part, whole, 4).isascii()


def test_clip() -> None:
    assert PLAIN.clip("abcdef", 6) == "abcdef"
    assert PLAIN.clip("abcdef", 4) == "abc…"
    assert ASCII.clip("abcdef", 4) == "abc~"
    assert PLAIN.clip("日本語", 5) == "日本…"
    assert PLAIN.clip("abc", 0) == ""


def test_control_characters_never_reach_the_terminal() -> None:
    assert printable("a\x1b[31mb\n") == "a\\x1b[31mb\\n"
    assert printable("Ünï") == "Ünï"
    assert "\x1b" not in "".join(PLAIN.table(["h"], [["\x1b]0;title\x07"]]))


def test_table_aligns_text_left_and_numbers_right() -> None:
    assert PLAIN.table(["name", "n"], [["a", 1], ["bcdef", 200], [None, 3]], numbers=[1]) == [
        "name     n", "a        1", "bcdef  200", "         3",
    ]


@given(
    st.lists(st.tuples(st.text(max_size=60), st.text(max_size=60), st.integers(0, 10**6)), max_size=5),
    st.integers(LEAST_WIDTH, 120),
)
def test_a_table_fits_the_width(rows: list[tuple[str, str, int]], width: int) -> None:
    lines = Screen(width).table(["name", "other", "count"], rows, numbers=[2])
    assert len(lines) == len(rows) + 1
    assert all(columns(line) <= width and line.isprintable() for line in lines)
