"""The wire models of scripts."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, RootModel

from tapiary.api.tci.shapes import Model, Parameters, Text


class ScriptPath(Parameters):
    """The script in the path."""

    name: Annotated[Text, Field(description="Name of a script")]


class NewScript(Model):
    """A script to be."""

    name: Annotated[Text, Field(max_length=20)]
    authorization_level: Annotated[
        int, Field(ge=1, le=2**31 - 1, description="Users of this level and of higher rank may use it")
    ]
    file_contents: Annotated[str, Field(description="The script in base64; below 1 MiB, with a line #! at its head")]
    description: Annotated[Text | None, Field(max_length=65_536)] = None


class Script(Model):
    """A script."""

    name: str
    description: str | None
    authorization_level: int
    file_contents: Annotated[str, Field(description="The script in base64")]
    filetype: str


class Scripts(RootModel[list[Script]]):
    """Scripts by name."""


class ScriptFile(Model):
    """What a script consists of."""

    filetype: str
    file: Annotated[str, Field(description="The script in base64")]
