"""The tree of a query: one frozen class for each form of the grammar, with where it stands in the text (`at`)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Literal:
    """A constant: text, whole number, decimal number, true, false or null."""

    value: str | int | float | bool | None
    at: int


@dataclass(frozen=True, slots=True)
class Pattern:
    """A regular expression between slashes."""

    text: str
    at: int


@dataclass(frozen=True, slots=True)
class Name:
    """A field's name."""

    text: str
    at: int


@dataclass(frozen=True, slots=True)
class Items:
    """A list of values in brackets."""

    items: tuple[Expression, ...]
    at: int


@dataclass(frozen=True, slots=True)
class Mapping:
    """Keys and values in braces."""

    pairs: tuple[tuple[str, Expression], ...]
    at: int


@dataclass(frozen=True, slots=True)
class Call:
    """A function with its arguments in order, and its options by name."""

    name: str
    arguments: tuple[Expression, ...]
    options: tuple[Option, ...]
    at: int


@dataclass(frozen=True, slots=True)
class Compare:
    """Two values and the operator between them."""

    operator: str
    left: Expression
    right: Expression
    at: int


@dataclass(frozen=True, slots=True)
class Member:
    """`item in list`, or `item not in list`."""

    item: Expression
    of: Expression
    negated: bool
    at: int


@dataclass(frozen=True, slots=True)
class Not:
    """The opposite."""

    of: Expression
    at: int


@dataclass(frozen=True, slots=True)
class Any:
    """At least one of several conditions."""

    of: tuple[Expression, ...]
    at: int


@dataclass(frozen=True, slots=True)
class All:
    """Every one of several conditions."""

    of: tuple[Expression, ...]
    at: int


Expression = Literal | Pattern | Name | Items | Mapping | Call | Compare | Member | Not | Any | All


@dataclass(frozen=True, slots=True)
class Option:
    """`name=value` of a command or a function; a bare word is a text."""

    name: str
    value: Literal | Items
    at: int


@dataclass(frozen=True, slots=True)
class Source:
    """Rows of a stream; without a name those of the stream that was chosen beside the query."""

    options: tuple[Option, ...]
    condition: Expression | None
    at: int


@dataclass(frozen=True, slots=True)
class Collected:
    """Rows of a collector."""

    name: str
    options: tuple[Option, ...]
    at: int


@dataclass(frozen=True, slots=True)
class Records:
    """Rows written in the query."""

    rows: tuple[Mapping, ...]
    at: int


@dataclass(frozen=True, slots=True)
class Store:
    """Keeps the rows as a collector, and passes them on."""

    name: str
    at: int


@dataclass(frozen=True, slots=True)
class Where:
    """Keeps the rows that meet a condition."""

    condition: Expression
    at: int


@dataclass(frozen=True, slots=True)
class Assign:
    """Computes fields; with `absent` only those that there are not."""

    fields: tuple[tuple[Name, Expression], ...]
    absent: bool
    at: int


@dataclass(frozen=True, slots=True)
class Choice:
    """A field to keep (`+`), to drop (`-`), or neither said (an empty sign), and its new name."""

    sign: str
    name: Name
    alias: str | None


@dataclass(frozen=True, slots=True)
class Project:
    """Chooses and renames fields."""

    choices: tuple[Choice, ...]
    at: int


@dataclass(frozen=True, slots=True)
class Sort:
    """Orders rows by fields, each with whether it descends."""

    keys: tuple[tuple[Name, bool], ...]
    options: tuple[Option, ...]
    at: int


@dataclass(frozen=True, slots=True)
class Limit:
    """Some rows after an offset, all when `count` is None; with `by` so many for each value of these fields."""

    offset: int
    count: int | None
    by: tuple[Name, ...]
    at: int


@dataclass(frozen=True, slots=True)
class Tail:
    """The last rows."""

    count: int
    at: int


@dataclass(frozen=True, slots=True)
class Group:
    """A value to group by, and its name."""

    value: Expression
    alias: str | None


@dataclass(frozen=True, slots=True)
class Top:
    """The most (or, with `rare`, least) frequent values, for each group when there are any."""

    rare: bool
    value: Expression
    by: tuple[Group, ...]
    options: tuple[Option, ...]
    at: int


@dataclass(frozen=True, slots=True)
class Fork:
    """The same rows through several pipes, whose results are put together."""

    pipes: tuple[Query, ...]
    at: int


@dataclass(frozen=True, slots=True)
class SubPipe:
    """Pipes of their own that fill collectors."""

    pipes: tuple[Query, ...]
    at: int


@dataclass(frozen=True, slots=True)
class Sleep:
    """A pause in milliseconds."""

    ms: int
    at: int


@dataclass(frozen=True, slots=True)
class Unwind:
    """One row for each item of a list."""

    name: Name
    options: tuple[Option, ...]
    at: int


@dataclass(frozen=True, slots=True)
class Fields:
    """Statistics about the fields."""

    options: tuple[Option, ...]
    at: int


@dataclass(frozen=True, slots=True)
class Aggregate:
    """`aggr`, `timeAggr` or `rangeAggr` (`kind`, in lower case): one row for each group."""

    kind: str
    results: tuple[tuple[Name, Call], ...]
    on: Name | None
    by: tuple[Group, ...]
    options: tuple[Option, ...]
    at: int


@dataclass(frozen=True, slots=True)
class Split:
    """Groups within groups."""

    results: tuple[tuple[Name, Call], ...]
    parts: tuple[Query, ...]
    options: tuple[Option, ...]
    at: int


@dataclass(frozen=True, slots=True)
class Join:
    """Adds the fields of another pipe's rows where keys are equal; a key is the left name and the right one."""

    pipe: Query
    keys: tuple[tuple[Name, Name], ...]
    options: tuple[Option, ...]
    at: int


Stage = (
    Source | Collected | Records | Store | Where | Assign | Project | Sort | Limit | Tail | Top | Fork | SubPipe
    | Sleep | Unwind | Fields | Aggregate | Split | Join
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Query:
    """Stages in the order in which rows pass them, and where each begins and ends in the text (None: at its end)."""

    stages: tuple[Stage, ...]
    spans: tuple[tuple[int, int | None], ...]
    at: int
    explain: bool = False
