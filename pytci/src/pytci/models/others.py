"""Scripts, destinations and logs."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pytci._model import Model
from pytci.errors import UnexpectedAnswer


@dataclass(frozen=True)
class Script(Model):
    """A script that may be run over captures; `file_contents` is base64, `contents` the bytes themselves."""

    name: str
    description: str | None = None
    authorization_level: int | None = None
    file_contents: str | None = field(default=None, repr=False)
    filetype: str | None = None
    extra: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @property
    def contents(self) -> bytes:
        """The script itself."""
        return decoded(self.file_contents or "")


def decoded(text: str) -> bytes:
    """The bytes of a base64 text; UnexpectedAnswer when it is none."""
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise UnexpectedAnswer("the hive sent a script that is not base64") from None


@dataclass(frozen=True)
class Destination(Model):
    """A folder of the hive to which files of finished jobs are moved."""

    id: int
    name: str
    path: str
    owner: str | None = None
    extra: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)


@dataclass(frozen=True)
class Log(Model):
    """A file of the hive's log."""

    name: str
    extra: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)
