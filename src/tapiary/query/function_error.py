"""The error of a function's or operator's arguments, which knows not where in the text it stands."""

from __future__ import annotations

from functools import partial

from tapiary.errors import InvalidInput


class FunctionError(InvalidInput):
    """A function is unknown or cannot be called like that; `argument` counts the argument at fault from 0."""

    default_code = "invalid_query"

    def __init__(
        self, message: str, *, argument: int | None = None, field: str | None = "nql", code: str | None = None
    ) -> None:
        super().__init__(message, field=field, code=code)
        self.argument = argument

    def __reduce__(self) -> tuple[object, ...]:
        again = partial(type(self), argument=self.argument, field=self.field, code=self.code)
        return (again, (self.message,))
