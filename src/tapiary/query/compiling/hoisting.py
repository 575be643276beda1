"""Values that are computed once in a SELECT of their own before others are computed from them.

A function may need its argument several times in SQL; where calls stand within calls within calls that would multiply.
So a call that holds calls and is an argument itself becomes a hidden field of the rows first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from tapiary.query import tree
from tapiary.query.compiling.expressions import Expressions, names_in
from tapiary.query.compiling.rows import HIDDEN, Rows
from tapiary.query.compiling.run import Run

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
                parts, depth, rank = self._all(node.items)
                return replace(node, items=parts), depth, rank
            case tree.Mapping():
                parts, depth, rank = self._all([value for _, value in node.pairs])
                keys = [key for key, _ in node.pairs]
                return replace(node, pairs=tuple(zip(keys, parts, strict=True))), depth, rank
            case tree.Compare():
                (left, right), depth, rank = self._all([node.left, node.right])
                return replace(node, left=left, right=right), depth, rank
            case tree.Member():
                (item, of), depth, rank = self._all([node.item, node.of])
                return replace(node, item=item, of=of), depth, rank
            case tree.Not():
                found, depth, rank = self.inner(node.of)
                return replace(node, of=found), depth, rank
            case tree.Any() | tree.All():
                parts, depth, rank = self._all(node.of)
                return replace(node, of=parts), depth, rank
            case _:
                return node, 0, 0

    def _all(self, nodes: Sequence[tree.Expression]) -> tuple[tuple[tree.Expression, ...], int, int]:
        found = [self.inner(node) for node in nodes]
        return (
            tuple(node for node, _, _ in found),
            max((depth for _, depth, _ in found), default=0),
            max((rank for _, _, rank in found), default=0),
        )

    def _call(self, node: tree.Call) -> tuple[tree.Expression, int, int]:
        arguments, depth, rank = [], 0, 0
        for argument in node.arguments:
            found, inner_depth, inner_rank = self.inner(argument)
            # What names no field is constant: functions look at constants themselves.
            if inner_depth >= _LEVELS and names_in(found):
                name = f"{HIDDEN}value {len(self._found)}"
                self._found.append((inner_rank, name, found))
                found, inner_depth, inner_rank = tree.Name(name, argument.at), 0, inner_rank + 1
            arguments.append(found)
            depth, rank = max(depth, inner_depth), max(rank, inner_rank)
        return replace(node, arguments=tuple(arguments)), depth + 1, rank
