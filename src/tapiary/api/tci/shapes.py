"""What the wire models of TCI's dialect share."""

from __future__ import annotations

from functools import cache
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic_core import PydanticCustomError

from tapiary.api.tci.times import PATTERN

#: Numbers are 64-bit in the database; what is beyond cannot exist.
INT64 = 2**63 - 1


def _storable(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:  # JSON can say half of a surrogate pair
        raise PydanticCustomError("unicode", "must be Unicode text") from None
    if "\0" in text:
        raise PydanticCustomError("nul", "must not have the character NUL")
    return text


#: Text that every database takes: PostgreSQL's has no NUL.
Text = Annotated[str, AfterValidator(_storable)]
#: A time in an answer.
Stamp = Annotated[str, Field(pattern=PATTERN, examples=["2026-11-23 09:30:00"])]


class Parameters(BaseModel):
    """What a path or a query holds, always as text."""

    model_config = ConfigDict(frozen=True)

    @classmethod
    @cache
    def model_json_schema(cls, *args: Any, **kwargs: Any) -> dict[str, Any]:  # type: ignore[override]
        """The schema, made once: flask-openapi3 asks for it at every request."""
        return super().model_json_schema(*args, **kwargs)


class Model(Parameters):
    """A body: JSON's types as they are, unknown members are ignored as TCI does."""

    model_config = ConfigDict(frozen=True, strict=True)
