"""Cells that come as text, as those of CSV files and of lookups do."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import msgspec

from tapiary.services.indexes.kinds import KINDS
from tapiary.services.indexes.views import Field

_INTEGER = re.compile(r"[+-]?[0-9]{1,40}", re.ASCII)
_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,4})?", re.ASCII)
_TRUTH = {"true": True, "false": False}


def from_texts(field: Field, texts: Sequence[str | None]) -> list[Any]:
    """The values that the texts stand for, as JSON would have them; a text that is none of the type stays as it is.

    An empty text is null for all types but string. A set is a JSON list.
    """
    if field.kind == "string":
        return list(texts)
    if KINDS[field.kind].numeric:
        return [_number(text) if text else None for text in texts]
    if field.kind == "boolean":
        return [_TRUTH.get(text.lower(), text) if text else None for text in texts]
    if field.kind == "set":
        return [_list(text) if text else None for text in texts]
    return [text or None for text in texts]


def _number(text: str) -> Any:
    if _INTEGER.fullmatch(text):
        return int(text)
    return float(text) if len(text) <= 400 and _NUMBER.fullmatch(text) else text


def _list(text: str) -> Any:
    try:
        return msgspec.json.decode(text)
    except ValueError:  # msgspec.DecodeError, and UnicodeEncodeError
        return text
