"""The page of NQL: commands, operators and functions."""

from __future__ import annotations

import textwrap

from docs.markdown import table
from tapiary.query import parse
from tapiary.query.compiling.aggregating import MAX_TIME_BUCKETS
from tapiary.query.compiling.branching import MAX_PIPES
from tapiary.query.compiling.pipes import MAX_SLEEP_MS
from tapiary.query.compiling.run import MAX_STAGES
from tapiary.query.compiling.sources import MAX_RECORDS
from tapiary.query.functions import describe
from tapiary.query.macros import MAX_DEPTH, MAX_TEXT
from tapiary.query.parsing import COMMANDS, MAX_NESTING

#: The words of a command, what it does, its options, and an example that parses.
_COMMANDS: tuple[tuple[tuple[str, ...], str, str, str], ...] = (
    (("src", "source"), "Rows of a stream or custom index; a condition may follow. Its own times take the place of the "
     "query's range; the end is excluded", "`stream`, `startTime`, `endTime`",
     'src stream="netflow" startTime="-1d@now"'),
    (("where",), "Keeps the rows that meet a condition; the word may be left out", "", "where bytes > 1000"),
    (("set",), "Computes fields, from left to right", "", "set total = add(clientBytes, serverBytes)"),
    (("add",), "Computes fields that there are not yet", "", 'add name = "none"'),
    (("project",), "Chooses fields: with `+`, or named alone, only these; `-` drops, `as` renames", "",
     "project +clientIp as ip, +bytes"),
    (("sort",), "Orders rows, nulls last", "`limit`, `outLimit`: how many are left", "sort bytes desc, label limit=10"),
    (("limit",), "The first rows, after an offset if two numbers stand; `by`: so many of each value", "",
     "limit 10, 5 by clientIp"),
    (("tail",), "The last rows", "", "tail 5"),
    (("aggr",), "One row for each group: results, then the groups, as the list `_id` or, with `unwind=true`, as fields",
     "`unwind`; `maxBuckets`: how many groups, those with the most rows",
     "aggr n=count(1), most=max(bytes) by label unwind=true"),
    (("timeAggr",), "The same by stretches of time, whose beginning is `_bucket`",
     "`interval`; `dir=asc` or `desc` sorts; `maxBuckets` "
     f"({MAX_TIME_BUCKETS:,}); `bucketAlias`, the name of `_bucket`; `unwind`",
     'timeAggr n=count(1) by label interval="5m" dir="asc"'),
    (("rangeAggr",), "The same by ranges of a number, the upper end excluded", "`ranges`; `bucketAlias`; `unwind`",
     'rangeAggr n=count(1) on bytes ranges="0-1000,1000-1000000"'),
    (("splitAggr",), "Groups within groups, each step with a number of its own", "`unwind`; of steps `maxBuckets`",
     "splitAggr n=count(1) (aggr by clientIp maxBuckets=3), (aggr by label maxBuckets=2) unwind=true"),
    (("top",), "The most frequent values, and how often they occur as `_count`", "`limit` (10) of each group; "
     "`others=true` adds a row that counts the rest; `maxBuckets`", "top serverPort by clientIp limit=3"),
    (("rare",), "The least frequent values", "as `top`", "rare label limit=5"),
    (("unwind",), "One row for each item of a list; a row without a list stays, one with an empty list goes",
     "`includeEmpty`: it stays, with null", "unwind asName includeEmpty=true"),
    (("fields",), "Statistics about the fields, estimated", "`maxFields`, `maxTuples`, `topCount`, "
     "`maxDistinctValuesPerField`", "fields topCount=3"),
    (("join",), "Each row with the fields of every row of another pipe that has the same keys. Fields whose names are "
     "taken get `suffix` behind them", "`kind=inner` or `left`; `suffix` (`_right`)",
     'join kind=left (src stream="sensors") on clientIp = host'),
    (("fork",), "The same rows through several pipes, whose results are put together", "",
     "fork (aggr n=count(1)), (aggr n=count(1) by label)"),
    (("dst",), "Keeps the rows as a collector of this query, and passes them on", "", "dst mine"),
    (("coll", "collector"), "Rows of a collector", "`bunchSize`: how many", "coll mine"),
    (("subPipe",), "Pipes of their own that fill collectors", "", 'subPipe (src stream="sensors" | dst mine)'),
    (("records",), "Rows that are written in the query", "", 'records {"port": 22, "name": "ssh"}, {"port": 80}'),
    (("sleep",), f"Waits so many milliseconds before the query runs; {MAX_SLEEP_MS:,} together at most", "",
     "sleep 100"),
)

_OPERATORS = (
    ("`=`, `==`", "Equal. Text beside an address means what it writes: an address, a network, the first pairs of a "
     "MAC, an exporter of interfaces; a number beside text means the number; a list is equal when one of its items is",
     'clientIp = "10.0.0.0/8"'),
    ("`= /…/`, `!= /…/`", "Whether a regular expression (RE2) is found in the text", r"serverName = /\.example\.com$/"),
    ("`!=`", "The opposite of `=`: also true of what is not known", 'label != "DNS"'),
    ("`>`, `>=`, `<`, `<=`", "Greater, less", "bytes >= 1000"),
    ("`~=`", "Like: `*` is any text, `?` one character", 'serverName ~= "*.example.com"'),
    ("`in`, `not in`", "Whether a list has the value, or for addresses a network that it lies in",
     "serverPort not in [80, 443]"),
    ("`not`, `and`, `or`", "In that order; parentheses as usual, the words in any case",
     "not a = 1 and (b = 2 or c = 3)"),
    ("`= null`, `= []`", "Whether there is no value; whether a list is empty", "serverName = null"),
)
_LITERALS = (
    ("`\"text\"`", r"`\"`, `\\`, `\n`, `\t`, `\r` within; any other backslash is kept"),
    ("`5`, `-5`, `1.5`, `1e3`", "64 bits; a decimal point or exponent makes a decimal number"),
    ("`true`, `false`, `null`, `[a, b]`, `{\"key\": value}`",
     "lists may hold fields; maps are for lookups and `records`"),
    ("`name`, `` `odd name` ``", "a field; case counts. Commands, functions and options ignore case"),
    ("`$NAME$`", f"a macro: its text takes its place before anything is read, up to {MAX_DEPTH} within each other"),
    ("`${NAME}`", "a placeholder: a parameter of the request takes its place, within texts as well"),
)
_TIMES = (
    ("`1760000000000`, `@1760000000000`", "milliseconds since 1970 UTC"),
    ("`@now`", "when the query began"),
    ("`@2025-10-09T08:53:30+02:00`, `@2025-10-09`", "ISO 8601; without an offset UTC"),
    ("`-1h@now`, `-1m20s@2025-10-09`, `+1d@0`", "a stretch before or after one of these, in `ms`, `s`, `m`, `h`, `d`, "
     "`w`"),
)
_GROUPS = {
    "time": "Times", "math": "Numbers", "choice": "Choices", "text": "Texts", "tests": "Tests", "network": "Networks",
    "lookup": "Lookups", "lists": "Lists", "maps": "Maps", "collectors": "Collectors", "profiles": "Traffic profiles",
    "aggregates": "Aggregates",
}  # fmt: skip


def nql_page() -> str:
    """Commands, operators, literals, times and functions. Raises NqlError for an example that does not parse."""
    described = {word for words, *_ in _COMMANDS for word in words}
    if described != set(COMMANDS):
        raise ValueError(f"described are {described}, there are {set(COMMANDS)}")
    for example in [*(row[-1] for row in _COMMANDS), *(row[-1] for row in _OPERATORS)]:
        parse(example)
    parts = ["# NQL\n", textwrap.dedent(f"""\
        The [guide](../guide/nql.md) teaches it. A query is a pipe: stages parted by `|`, of which the first says where
        rows come from, and each next one gets the rows of the one before. It has at most {MAX_STAGES} stages, those of
        pipes in parentheses counted in, {MAX_PIPES} pipes in one command, {MAX_RECORDS:,} `records`, brackets
        {MAX_NESTING} deep, and {MAX_TEXT // 1024} KiB of text. `explain` before the first stage shows what the stages
        do, and the SQL.
        """)]
    parts.append("## Commands\n")
    parts.append(table(("command", "what it does", "options", "example"), (
        [", ".join(f"`{word}`" for word in words), what, options, f"`{example}`"]
        for words, what, options, example in _COMMANDS)))
    parts.append("## Operators\n")
    parts.append(table(("operator", "meaning", "example"), (
        [operator, meaning, f"`{example}`"] for operator, meaning, example in _OPERATORS)))
    parts.append("There are two truths only: a comparison with what is not known is false, and its `not` true. "
                 "There is no arithmetic by signs: `add(a, b)`, `div(a, b)`.\n")
    parts.append("## Values\n")
    parts.append(table(("written", "meaning"), _LITERALS))
    parts.append("## Times\n\nOf ranges, and of `startTime` and `endTime`.\n")
    parts.append(table(("written", "meaning"), _TIMES))
    parts.append("## Functions\n\nArguments in brackets may be left out, `…` repeats, and what ends in `=` is an "
                 "option by name. An argument of a wrong type gives null. `$name(…)` is `name(…)`.\n")
    docs = describe()
    for group in dict.fromkeys(doc.group for doc in docs):
        parts.append(f"### {_GROUPS[group]}\n")
        parts.append(table(("function", "what it gives"), (
            [f"`{doc.signature}`", doc.summary] for doc in docs if doc.group == group)))
    return "\n".join(parts)
