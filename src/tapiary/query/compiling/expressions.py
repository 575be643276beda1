"""Expressions of the tree into typed SQL, over the columns that rows have where they stand."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from sqlglot import exp

from tapiary.errors import InvalidInput
from tapiary.query import functions, operators, sql, tree
from tapiary.query.catalog import Catalog, Stream
from tapiary.query.coercion import as_text
from tapiary.query.compiling.rows import Key, copied
from tapiary.query.compiling.run import Run
from tapiary.query.errors import Fault, meant, quoted
from tapiary.query.function_error import FunctionError
from tapiary.query.types import MAP, STRING, Value

#: Conditions that are joined by one level of and/or: a long chain becomes a tree whose depth is its logarithm.
_CHAIN = 8


@dataclass(frozen=True, slots=True)
class Expressions:
    """The compiler of expressions over `columns`; also what functions ask (`functions.Context`)."""

    run: Run
    columns: Mapping[str, Value]
    sorted_by: Sequence[Key] = ()
    #: Whether what is compiled is a traffic profile's condition.
    in_profile: bool = False

    @property
    def catalog(self) -> Catalog:
        """What the user may see."""
        return self.run.catalog

    @property
    def now_ms(self) -> int:
        """When the query runs."""
        return self.run.now_ms

    @property
    def lookups(self) -> set[str]:
        """Relations of the lookups that the query asks."""
        return self.run.lookups

    def collector(self, name: str) -> Stream | None:
        """A collector of this query, or one that exists beside it."""
        return self.run.collector(name)

    def order(self) -> Sequence[exp.Expression]:
        """By what the rows are sorted, which `first`, `last` and `join` go by; empty when by nothing."""
        return [key.sql() for key in self.sorted_by]

    def predicate(self, nql: str) -> Value:
        """A traffic profile's condition over the same columns. Raises `InvalidInput` when it is none."""
        from tapiary.query.parsing import parse_condition

        if self.in_profile:
            raise InvalidInput("a traffic profile cannot ask for traffic profiles", field="nql")
        try:
            return replace(self, in_profile=True).value(parse_condition(nql))
        except Fault as fault:
            raise InvalidInput(fault.message, field="nql") from None

    def condition(self, node: tree.Expression) -> exp.Expression:
        """A condition as WHERE takes it."""
        return operators.condition(self.value(node))

    def value(self, node: tree.Expression) -> Value:
        """The value of an expression; `Fault` says what it names that is not there, or cannot be called like that."""
        match node:
            case tree.Literal():
                return operators.literal(node.value)
            case tree.Name():
                return self.field(node, ' A text stands in "double quotes".')
            case tree.Pattern():
                return Value(sql.text(node.text), operators.REGEX, (node.text,))
            case tree.Items():
                return operators.list_value([self.value(item) for item in node.items])
            case tree.Mapping():
                return self._map(node)
            case tree.Call():
                return self.call(node)
            case tree.Compare():
                return self._compare(node)
            case tree.Member():
                found = operators.member(self.value(node.item), self.value(node.of))
                return operators.negate(found) if node.negated else found
            case tree.Not():
                return operators.negate(self.value(node.of))
            case tree.Any():
                return _chained(operators.any_of, [self.value(one) for one in node.of])
            case tree.All():
                return _chained(operators.all_of, [self.value(one) for one in node.of])

    def field(self, name: tree.Name, otherwise: str = "") -> Value:
        """The column of a field; `Fault` with the name that was meant, else `otherwise`, when there is none."""
        found = self.columns.get(name.text)
        if found is None:
            hint = meant(name.text, self.columns) or otherwise
            raise Fault(f"there is no field {quoted(name.text)}.{hint}", name.at, ("a field",))
        return Value(copied(found.sql), found.type, found.literal)

    def call(self, node: tree.Call, *, aggregate: bool = False) -> Value:
        """The value of a function or, where one is wanted, of an aggregate."""
        function = functions.aggregate if aggregate else functions.call
        arguments = [self.value(argument) for argument in node.arguments]
        named = {option.name: self.value(option.value) for option in node.options}
        try:
            found = function(node.name, arguments, named, self)
        except FunctionError as error:
            at = node.at
            if error.argument is not None and error.argument < len(node.arguments):
                at = node.arguments[error.argument].at
            raise Fault(error.message, at) from None
        except InvalidInput as error:
            raise Fault(f"{quoted(node.name)}: {error.message}", node.at) from None
        self.run.count_call(node.name, found.sql, node.at)
        return found

    def _compare(self, node: tree.Compare) -> Value:
        operator = "=" if isinstance(node.right, tree.Pattern) and node.operator == "~=" else node.operator
        try:
            return operators.compare(operator, self.value(node.left), self.value(node.right))
        except FunctionError as error:
            raise Fault(error.message, node.right.at) from None

    def _map(self, node: tree.Mapping) -> Value:
        values = {key: self.value(value) for key, value in node.pairs}
        if len(values) < len(node.pairs):
            raise Fault("a key stands twice in this map", node.at)
        texts = [as_text(value) or exp.Null() for value in values.values()]
        built = sql.call("map", sql.array(*map(sql.text, values)), sql.cast(sql.array(*texts), "VARCHAR[]"))
        return Value(sql.cast(built, "MAP(VARCHAR, VARCHAR)"), MAP, (values,))


def _chained(join: Callable[..., Value], values: Sequence[Value]) -> Value:
    while len(values) > _CHAIN:
        values = [join(*values[start : start + _CHAIN]) for start in range(0, len(values), _CHAIN)]
    return join(*values)


def text_of(value: Value) -> Value:
    """A value as text, for where values of different types meet; lists and maps have none."""
    return Value(as_text(value) or exp.Null(), STRING)


def names_in(node: tree.Expression) -> set[str]:
    """The fields that an expression names itself; what traffic profiles name is not among them."""
    found: set[str] = set()
    waiting: list[tree.Expression] = [node]
    while waiting:
        one = waiting.pop()
        match one:
            case tree.Name():
                found.add(one.text)
            case tree.Items():
                waiting.extend(one.items)
            case tree.Mapping():
                waiting.extend(value for _, value in one.pairs)
            case tree.Call():
                waiting.extend(one.arguments)
            case tree.Compare():
                waiting.extend((one.left, one.right))
            case tree.Member():
                waiting.extend((one.item, one.of))
            case tree.Not():
                waiting.append(one.of)
            case tree.Any() | tree.All():
                waiting.extend(one.of)
    return found
