"""The wire models of configured things: indexes, lookups, macros."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, RootModel

from tapiary.api.tci.shapes import INT64, Model, Parameters

Id = Annotated[str, Field(max_length=64, description="As 65ac6a43-8173bfdf-d1815c2c")]


class ElementPath(Parameters):
    """The element in the path."""

    element_id: Id


class PermissionsPath(ElementPath):
    """The element and its category in the path."""

    category: str = Field(description="As `lookup.lookup`")


class ElementsQuery(Parameters):
    """Which elements."""

    filter: str | None = Field(
        None, description='As `category="userIndex.index" and config.name="traffic"`; comparisons, and, or, not'
    )
    offset: Annotated[int, Field(ge=0, le=INT64)] = 0
    limit: Annotated[int, Field(ge=0, le=INT64)] | None = Field(None, description="Not given: all")


class Element(Model):
    """A configured thing; what Sycope has and we have no use for is null."""

    id: str
    category: str
    module: None = None
    created: int = Field(description="Milliseconds since 1970 UTC")
    created_by: str = Field(alias="createdBy")
    modified: int = Field(description="Milliseconds since 1970 UTC")
    modified_by: str = Field(alias="modifiedBy")
    annotations: None = None
    misc_data: None = Field(None, alias="miscData")
    attributes: dict[str, Any] | None
    single_configuration_instance: None = Field(None, alias="singleConfigurationInstance")
    tags: list[Any] | None
    config: dict[str, Any] = Field(description="As it was sent, key for key")


class Elements(Model):
    """A page of elements."""

    total: int = Field(description="How many there are in all pages")
    data: list[Element]


class Macro(Model):
    """A macro, which queries call as $NAME$."""

    category: Literal["nql.macro"]
    config: dict[str, Any] = Field(
        description="name; nql, its text; profile: true where it is the predicate of a traffic profile as well",
        examples=[{"name": "INTERNAL", "nql": 'clientIp = "10.0.0.0/8"'}],
    )


class Share(Model):
    """What somebody may do with an element."""

    sid: str = Field(description="`ROLE_USER`: everybody; `ROLE_ADMIN`; `LEVEL_<number>`; or a user's name")
    perms: list[str] = Field(description="VIEW, EDIT, ADD, DELETE, EXECUTE, MODIFY_OWNERSHIP, GRANT_PERMISSIONS")


class Shares(RootModel[list[Share]]):
    """Who may do what beside the owner; `[]`: nobody."""


class ElementPermissions(Model):
    """Who may do what with an element."""

    object_id: str = Field(alias="objectId")
    sid_perms: list[Share] = Field(alias="sidPerms")


class IndexBody(Model):
    """A custom index: these members, or `{"category": "userIndex.index", "config": {these members}}`."""

    name: str = Field(description="Its name as a stream in NQL and in injections")
    active: bool = Field(True, description="Whether rows may be injected, and queries find it")
    rotation: Literal["daily", "weekly", "monthly"] = Field("daily", description="Partitions of the table")
    store_raw: bool = Field(True, alias="storeRaw")
    fields: list[dict[str, Any]] = Field(
        description="name, type, sortable, description, displayName each; `timestamp` (long) must be there",
        examples=[[{"name": "timestamp", "type": "long", "sortable": True}, {"name": "ip", "type": "ip4"}]],
    )


class LookupBody(Model):
    """A lookup to be, or what it becomes; other members of a lookup that was read are ignored."""

    config: dict[str, Any] = Field(
        description="name, type, active, and what else is sent",
        examples=[{"name": "hosts", "type": "csvFile", "active": True, "types": ["ip4", "string"]}],
    )
    file: dict[str, Any] = Field(
        description="columns, of which the first is the key, and rows: one text for each column",
        examples=[{"columns": ["ip", "name"], "rows": [["192.0.2.1", "router"]]}],
    )


class LookupFile(Model):
    """A lookup's content."""

    columns: list[str] = Field(description="The first is the key")
    rows: list[list[str | None]] = Field(description="One text for each column")


class Lookup(Element):
    """A lookup with its content."""

    file: LookupFile


class Additional(RootModel[dict[str, str]]):
    """Texts by name, in the place of all that were there; `{}` clears them."""


class Device(Model):
    """What is known of an address."""

    id: str
    name: str | None
    domain_name: str | None = Field(alias="domainName")
    ip: str
    description: str | None
    timestamp: int = Field(description="Of the latest change, in milliseconds since 1970 UTC")
    tags: list[Any] | None
    additional: dict[str, str]
    dns_records: list[Any] = Field(alias="dnsRecords")


class DevicePath(Parameters):
    """The device in the path."""

    device_id: Annotated[str, Field(max_length=64, description="`id` of the stream assetDevices, or the address")]
