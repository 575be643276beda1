"""Functions on numbers: whole ones keep to 64 bits, and what leaves them is null rather than wrong."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sqlglot import exp

from tapiary.query import sql
from tapiary.query.coercion import NOTHING, as_double, as_long, literal
from tapiary.query.function_error import FunctionError
from tapiary.query.functions.registry import Context, Options, Registry
from tapiary.query.types import DOUBLE, LONG, NUMBERS, Type, Value

_TYPES = {"byte": LONG, "short": LONG, "int": LONG, "long": LONG, "float": DOUBLE, "double": DOUBLE}


def declare(functions: Registry) -> None:
    """Add these functions."""
    add = functions.add
    add("math", "sum(a, b, …, type=)", "Sum of the arguments that are numbers, 0 if none is")(_sum)
    add("math", "add(a, b, type=)", "a + b, of the first one's type")(_arithmetic(exp.Add))
    add("math", "sub(a, b, type=)", "a - b, of the first one's type")(_arithmetic(exp.Sub))
    add("math", "mul(a, b, type=)", "a × b, of the first one's type")(_arithmetic(exp.Mul))
    add("math", "div(a, b, …)", "a / b as a double; null when an argument is 0")(_div)
    add("math", "floorDiv(a, b)", "a / b rounded down; null when b is 0")(_floor_div)
    add("math", "mod(a, b)", "Remainder of a / b with the sign of a; null when b is 0")(_mod)
    add("math", "abs(x)", "x without its sign")(_abs)
    add("math", "pow(x, y)", "x to the power of y, as a double")(_pow)
    add("math", "sqrt(x)", "Square root; null for what is not above 0")(_sqrt)
    add("math", "sqr(x)", "x × x, as a double")(_sqr)
    add("math", "floor(x)", "x rounded down")(_rounded("floor"))
    add("math", "ceil(x)", "x rounded up")(_rounded("ceil"))
    add("math", "sign(x)", "-1, 0 or 1")(_sign)
    add("math", "rand()", "A random number from 0 to 1")(
        lambda args, options, context: Value(sql.call("random"), DOUBLE)
    )
    add("math", "randInt(from, to)", "A random whole number, both ends possible")(_rand_int)
    add("math", "bitAnd(a, b, …)", "The bits that all numbers have; null if none is a number")(
        _bits(exp.BitwiseAnd, -1)
    )
    add("math", "bitOr(a, b, …)", "The bits that any number has; null if none is a number")(_bits(exp.BitwiseOr, 0))


def as_type(value: Value, kind: Type) -> exp.Expression | None:
    """A number as LONG or DOUBLE, cut towards 0 as casts of numbers are; None when it is no number."""
    if kind == DOUBLE or value.type == LONG:
        return as_double(value) if kind == DOUBLE else as_long(value)
    return sql.try_cast(sql.call("trunc", value.sql), "BIGINT") if value.type == DOUBLE else None


def _wanted(options: Options, default: Type) -> Type:
    name = options.text("type")
    if name is None:
        return default
    if name.lower() not in _TYPES:
        raise FunctionError(f"type is one of {', '.join(_TYPES)}, not `{name[:40]}`.")
    return _TYPES[name.lower()]


def _finished(result: exp.Expression, kind: Type) -> Value:
    """A sum or product; whole ones are computed with 128 bits, so that what does not fit is null."""
    return Value(sql.try_cast(result, "BIGINT") if kind == LONG else result, kind)


def _wide(item: exp.Expression, kind: Type) -> exp.Expression:
    return sql.cast(item, "HUGEINT") if kind == LONG else item


def _sum(args: Sequence[Value], options: Options, context: Context) -> Value:
    numbers = [value for value in args if value.type in NUMBERS]
    kind = _wanted(options, numbers[0].type if numbers else LONG)
    zero = literal(0 if kind == LONG else 0.0).sql
    total: exp.Expression | None = None
    for value in numbers:
        item = sql.coalesce(as_type(value, kind) or exp.Null(), zero)
        total = _wide(item, kind) if total is None else sql.binary(exp.Add, total, _wide(item, kind))
    return literal(0) if total is None else _finished(total, kind)


def _arithmetic(operator: type[exp.Expression]) -> Callable[[Sequence[Value], Options, Context], Value]:
    def build(args: Sequence[Value], options: Options, context: Context) -> Value:
        kind = _wanted(options, args[0].type if args[0].type in NUMBERS else DOUBLE)
        left, right = as_type(args[0], kind), as_type(args[1], kind)
        if left is None or right is None:
            return NOTHING
        found = sql.binary(operator, _wide(left, kind), _wide(right, kind))
        return _finished(sql.attempt(found) if operator is exp.Mul and kind == LONG else found, kind)

    return build


def _div(args: Sequence[Value], options: Options, context: Context) -> Value:
    result: exp.Expression | None = None
    for value in args:
        number = as_double(value)
        if number is None:
            return NOTHING
        number = sql.call("nullif", number, literal(0.0).sql)
        result = number if result is None else sql.binary(exp.Div, result, number)
    assert result is not None
    return Value(result, DOUBLE)


def _floor_div(args: Sequence[Value], options: Options, context: Context) -> Value:
    left, right = args
    if left.type == right.type == LONG:
        a, b = sql.cast(left.sql, "HUGEINT"), sql.call("nullif", sql.cast(right.sql, "HUGEINT"), sql.integer(0))
        rest = sql.binary(exp.Mod, sql.binary(exp.Add, sql.binary(exp.Mod, a, b), b), b)
        return _finished(sql.binary(exp.IntDiv, sql.binary(exp.Sub, a, rest), b), LONG)
    a_double, b_double = as_double(left), as_double(right)
    if a_double is None or b_double is None:
        return NOTHING
    quotient = sql.binary(exp.Div, a_double, sql.call("nullif", b_double, literal(0.0).sql))
    return Value(sql.try_cast(sql.call("floor", quotient), "BIGINT"), LONG)


def _mod(args: Sequence[Value], options: Options, context: Context) -> Value:
    left, right = args
    if left.type == right.type == LONG:
        a, b = sql.cast(left.sql, "HUGEINT"), sql.call("nullif", sql.cast(right.sql, "HUGEINT"), sql.integer(0))
        return _finished(sql.binary(exp.Mod, a, b), LONG)
    a_double, b_double = as_double(left), as_double(right)
    if a_double is None or b_double is None:
        return NOTHING
    rest = sql.binary(exp.Mod, a_double, sql.call("nullif", b_double, literal(0.0).sql))
    return Value(sql.try_cast(sql.call("trunc", rest), "BIGINT"), LONG)


def _abs(args: Sequence[Value], options: Options, context: Context) -> Value:
    kind = args[0].type
    return _finished(sql.call("abs", _wide(args[0].sql, kind)), kind) if kind in NUMBERS else NOTHING


def _pow(args: Sequence[Value], options: Options, context: Context) -> Value:
    base, exponent = as_double(args[0]), as_double(args[1])
    if base is None or exponent is None:
        return NOTHING
    power = sql.attempt(sql.call("pow", base, exponent))
    return Value(sql.case((sql.call("isfinite", power), power)), DOUBLE)


def _sqrt(args: Sequence[Value], options: Options, context: Context) -> Value:
    number = as_double(args[0])
    if number is None:
        return NOTHING
    above = sql.binary(exp.GT, number, literal(0).sql)
    return Value(sql.call("sqrt", sql.case((above, number))), DOUBLE)


def _sqr(args: Sequence[Value], options: Options, context: Context) -> Value:
    number = as_double(args[0])
    return NOTHING if number is None else Value(sql.binary(exp.Mul, number, number), DOUBLE)


def _rounded(name: str) -> Callable[[Sequence[Value], Options, Context], Value]:
    def build(args: Sequence[Value], options: Options, context: Context) -> Value:
        if args[0].type == DOUBLE:
            return Value(sql.try_cast(sql.call(name, args[0].sql), "BIGINT"), LONG)
        return args[0] if args[0].type == LONG else NOTHING

    return build


def _sign(args: Sequence[Value], options: Options, context: Context) -> Value:
    number = args[0].sql
    return Value(sql.call("sign", number), LONG) if args[0].type in NUMBERS else NOTHING


def _rand_int(args: Sequence[Value], options: Options, context: Context) -> Value:
    first, last = (as_type(value, LONG) for value in args)
    if first is None or last is None:
        return NOTHING
    first, last = sql.cast(first, "HUGEINT"), sql.cast(last, "HUGEINT")
    width = sql.binary(exp.Add, sql.binary(exp.Sub, last, first), sql.integer(1))
    step = sql.call("floor", sql.binary(exp.Mul, sql.call("random"), sql.cast(width, "DOUBLE")))
    drawn = sql.binary(exp.Add, first, sql.try_cast(step, "HUGEINT"))
    ordered = sql.binary(exp.LTE, first, last)
    return Value(sql.try_cast(sql.case((ordered, sql.call("least", drawn, last))), "BIGINT"), LONG)


def _bits(operator: type[exp.Expression], neutral: int) -> Callable[[Sequence[Value], Options, Context], Value]:
    def build(args: Sequence[Value], options: Options, context: Context) -> Value:
        numbers = [number for value in args if (number := as_type(value, LONG)) is not None]
        if not numbers:
            return NOTHING
        result: exp.Expression | None = None
        for number in numbers:
            item = sql.coalesce(number, sql.integer(neutral))
            result = item if result is None else sql.binary(operator, result, item)
        assert result is not None
        return Value(sql.case((_any_known(numbers), result)), LONG)

    return build


def _any_known(items: Sequence[exp.Expression]) -> exp.Expression:
    """Whether any of these is not null."""
    return sql.disjunction(*(sql.negation(sql.is_null(item)) for item in items))
