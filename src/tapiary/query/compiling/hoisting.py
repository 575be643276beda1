"""Values that are computed once in a SELECT of their own before others are computed from them.

A function may need its argument several times in SQL; where calls stand within calls within calls that would multiply.
So a call that holds calls and is an argument itself becomes a hidden field of the rows first. So does one that asks
another relation: operators and functions may look at it item by item, where the engine takes no subquery.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from tapiary.query import tree
from tapiary.query.compiling.expressions import Expressions, names_in
from tapiary.query.compiling.rows import HIDDEN, Rows
from tapiary.query.compiling.run import Run, asks

#: Calls within each other that one SELECT computes.
_LEVELS = 2


def prepared(run: Run, rows: Rows, values: Sequence[tree.Expression]) -> tuple[Rows, list[tree.Expression]]:
    """Rows over which these values can be compiled, and the values as they are to be compiled there.

    The rows' SELECT is open, all fields that the values name are plain columns, and further ones are hidden.
    """
    hoist = _Hoist()
    rewritten = [hoist.inner(value)[0] for value in values]
    for batch in hoist.batches():
        rows = run.open(rows, {name for _, value in batch for name in names_in(value)})
        expressions = Expressions(run, rows.columns)
        rows = rows.with_columns({**rows.columns, **{name: expressions.value(value) for name, value in batch}})
    return run.open(rows, {name for value in rewritten for name in names_in(value)}), rewritten


#: Expressions without their deep calls, how deep calls stand in them still, how many SELECTs they need before.
_Found = tuple[tuple[tree.Expression, ...], int, int]


class _Hoist:
    def __init__(self) -> None:
        self._found: list[tuple[int, str, tree.Expression]] = []

    def batches(self) -> list[list[tuple[str, tree.Expression]]]:
        """The hoisted values by the SELECT that computes them, those that need others behind these."""
        last = max((rank for rank, _, _ in self._found), default=-1)
        return [[(name, value) for rank, name, value in self._found if rank == level] for level in range(last + 1)]

    def inner(self, node: tree.Expression) -> tuple[tree.Expression, int, int]:
        """An expression without its deep calls; how deep calls stand in it still; how many SELECTs it needs before."""
        match node:
            case tree.Call():
                return self._call(node)
            case tree.Items():
                parts, depth, rank = self._operands(node.items)
                return replace(node, items=parts), depth, rank
            case tree.Mapping():
                parts, depth, rank = self._all([value for _, value in node.pairs])
                keys = [key for key, _ in node.pairs]
                return replace(node, pairs=tuple(zip(keys, parts, strict=True))), depth, rank
            case tree.Compare():
                (left, right), depth, rank = self._operands([node.left, node.right])
                return replace(node, left=left, right=right), depth, rank
            case tree.Member():
                (item, of), depth, rank = self._operands([node.item, node.of])
                return replace(node, item=item, of=of), depth, rank
            case tree.Not():
                found, depth, rank = self.inner(node.of)
                return replace(node, of=found), depth, rank
            case tree.Any() | tree.All():
                parts, depth, rank = self._all(node.of)
                return replace(node, of=parts), depth, rank
            case _:
                return node, 0, 0

    def _all(self, nodes: Sequence[tree.Expression]) -> _Found:
        return _together([self.inner(node) for node in nodes])

    def _operands(self, nodes: Sequence[tree.Expression]) -> _Found:
        return _together([self._hidden(node) if _asks(node) else self.inner(node) for node in nodes])

    def _arguments(self, nodes: Sequence[tree.Expression]) -> _Found:
        return _together([self._argument(node) for node in nodes])

    def _call(self, node: tree.Call) -> tuple[tree.Expression, int, int]:
        arguments, depth, rank = self._arguments(node.arguments)
        return replace(node, arguments=arguments), depth + 1, rank

    def _argument(self, node: tree.Expression) -> tuple[tree.Expression, int, int]:
        if isinstance(node, tree.Mapping):
            # Functions look at the keys of a map that is written in the query.
            values, depth, rank = self._arguments([value for _, value in node.pairs])
            pairs = tuple((key, value) for (key, _), value in zip(node.pairs, values, strict=True))
            return replace(node, pairs=pairs), depth, rank
        return self._hidden(node)

    def _hidden(self, node: tree.Expression) -> tuple[tree.Expression, int, int]:
        """An expression, or the hidden field that it becomes because of what it is or how deep it is."""
        inner, depth, rank = self.inner(node)
        # What names no field is constant: functions look at constants themselves.
        if not _asks(node) and (depth < _LEVELS or not names_in(inner)):
            return inner, depth, rank
        name = f"{HIDDEN}value {len(self._found)}"
        self._found.append((rank, name, inner))
        return tree.Name(name, node.at), 0, rank + 1


def _asks(node: tree.Expression) -> bool:
    return isinstance(node, tree.Call) and asks(node.name)


def _together(found: Sequence[tuple[tree.Expression, int, int]]) -> _Found:
    return (
        tuple(node for node, _, _ in found),
        max((depth for _, depth, _ in found), default=0),
        max((rank for _, _, rank in found), default=0),
    )
