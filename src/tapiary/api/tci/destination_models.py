"""The wire models of destinations."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, RootModel

from tapiary.api.tci.shapes import INT64, Model, Parameters, Text

Name = Annotated[Text, Field(max_length=30)]
Folder = Annotated[Text, Field(max_length=128, description="A folder of the server, inside of the allowed ones")]


class DestinationPath(Parameters):
    """The destination in the path."""

    destination_id: Annotated[int, Field(ge=0, le=INT64, description="Number of a destination")]


class NewDestination(Model):
    """A destination to be."""

    name: Name
    path: Folder


class DestinationChange(Model):
    """What changes of a destination; what is not given stays."""

    name: Name | None = None
    path: Folder | None = None
    id: Annotated[Any, Field(description="Not to be given: a destination's number stays")] = None


class Destination(Model):
    """A folder to which files of finished jobs are moved."""

    id: int
    owner: str
    name: str
    path: str


class Destinations(RootModel[list[Destination]]):
    """Destinations by number."""
