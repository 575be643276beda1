"""Options of commands (`name=value`): their names ignore case, and their values have the wanted type."""

from __future__ import annotations

from collections.abc import Sequence

from tapiary.query import tree
from tapiary.query.errors import Fault, in_a_row, meant, quoted
from tapiary.query.naming import checked_name
from tapiary.query.times import stretch_ms

#: Rows and buckets that an option can ask for: LIMIT's own bound.
_MOST = 2**62


class Options:
    """The options of one command; `Fault` for one that it does not know or that stands twice."""

    def __init__(self, options: Sequence[tree.Option], *known: str) -> None:
        names = {name.casefold(): name for name in known}
        self._found: dict[str, tree.Option] = {}
        for option in options:
            name = names.get(option.name.casefold())
            if name is None:
                hint = meant(option.name, known) or (f" Known here: {in_a_row(known)}." if known else "")
                raise Fault(f"there is no option {quoted(option.name)} here.{hint}", option.at, known)
            if name in self._found:
                raise Fault(f"the option {quoted(name)} stands twice", option.at)
            self._found[name] = option

    def number(self, name: str, default: int | None, *, least: int = 0) -> int | None:
        """A whole number; `default` when it is not given."""
        option = self._found.get(name)
        if option is None:
            return default
        value = option.value.value if isinstance(option.value, tree.Literal) else None
        if isinstance(value, str) and value.isdecimal() and len(value) < 20:
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= _MOST:
            raise Fault(f"{quoted(name)} wants a whole number of at least {least}", option.at, ("a whole number",))
        return value

    def flag(self, name: str) -> bool:
        """true or false; false when it is not given."""
        option = self._found.get(name)
        if option is None:
            return False
        value = option.value.value if isinstance(option.value, tree.Literal) else None
        if isinstance(value, str) and value.casefold() in ("true", "false"):
            return value.casefold() == "true"
        if not isinstance(value, bool):
            raise Fault(f"{quoted(name)} wants true or false", option.at, ("`true`", "`false`"))
        return value

    def text(self, name: str, *allowed: str) -> str | None:
        """A text, one of the allowed ones (in any case) where there are any; None when it is not given."""
        option = self._found.get(name)
        if option is None:
            return None
        value = option.value.value if isinstance(option.value, tree.Literal) else None
        if isinstance(value, str) and value:
            if not allowed:
                return value
            if value.casefold() in allowed:
                return value.casefold()
        wanted = " or ".join(map(quoted, allowed)) if allowed else "a text"
        raise Fault(f"{quoted(name)} wants {wanted}", option.at, tuple(map(quoted, allowed)))

    def name(self, name: str, default: str) -> str:
        """A text that a field is to be called; `default` when it is not given."""
        found = self.text(name)
        return default if found is None else checked_name(found, self.at(name))

    def stretch(self, name: str) -> int | None:
        """A stretch of time in milliseconds, more than none; None when it is not given."""
        option = self._found.get(name)
        if option is None:
            return None
        value = option.value.value if isinstance(option.value, tree.Literal) else None
        found = stretch_ms(str(value)) if isinstance(value, str | int) and not isinstance(value, bool) else None
        if not found or found > _MOST:
            raise Fault(f"{quoted(name)} wants a time such as `5m`, `3h` or `1d`", option.at, ("a stretch of time",))
        return found

    def at(self, name: str) -> int:
        """Where an option that is given stands."""
        return self._found[name].at

    def literal(self, name: str) -> str | int | float | bool | None:
        """The value of an option as it is written; None when it is not given, or a list."""
        option = self._found.get(name)
        return option.value.value if option and isinstance(option.value, tree.Literal) else None
