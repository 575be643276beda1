"""The use cases that every face shares: files, ingest, search, packets, export.

The room's door is `Services`. Everything heavy is imported when first used, so that a command that processes
one file starts in a fraction of a second.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tapiary.accounts import Accounts, Actor
    from tapiary.config import Config
    from tapiary.database import Database
    from tapiary.enrich import Enricher
    from tapiary.jobs import Queue
    from tapiary.services.access import Access
    from tapiary.services.alerts import Alerts, AlertView, TrialView, Triggers, TriggerView
    from tapiary.services.captures import Captures
    from tapiary.services.captures.views import CaptureView, Deliverable, DroneShare, DroneView, Order
    from tapiary.services.destinations import Destinations
    from tapiary.services.devices import Devices, DeviceView
    from tapiary.services.drones import Drones
    from tapiary.services.elements import Elements, ElementView
    from tapiary.services.export import FORMATS, Export, Format
    from tapiary.services.files import Files
    from tapiary.services.filters import filterable
    from tapiary.services.formats import ANSWER_FORMATS
    from tapiary.services.hive import Channel, Hive, WrongOffset
    from tapiary.services.indexes import BadCell, BadCells, Indexes, IndexView, Injected
    from tapiary.services.ingest import Ingest, make_handlers
    from tapiary.services.lookups import Lookups, LookupView
    from tapiary.services.packets import Packets
    from tapiary.services.queries import ActorCatalog, Answer, Queries, QueryView
    from tapiary.services.scripts import Scripts
    from tapiary.services.search import Search
    from tapiary.services.tally import Tally
    from tapiary.services.upkeep import Upkeep
    from tapiary.services.uploads import Uploads
    from tapiary.services.views import (
        STATES,
        AddressDetails,
        Count,
        FileView,
        FlowFilter,
        FlowPage,
        JobView,
        LabelGroup,
        Processed,
        ScanReport,
        State,
        Statistic,
        UploadView,
    )
    from tapiary.store import Store

__all__ = [
    "ANSWER_FORMATS",
    "FORMATS",
    "STATES",
    "ActorCatalog",
    "AddressDetails",
    "AlertView",
    "Answer",
    "BadCell",
    "BadCells",
    "CaptureView",
    "Channel",
    "Count",
    "Deliverable",
    "DeviceView",
    "DroneShare",
    "DroneView",
    "ElementView",
    "FileView",
    "FlowFilter",
    "FlowPage",
    "Format",
    "IndexView",
    "Injected",
    "JobView",
    "LabelGroup",
    "LookupView",
    "Order",
    "Processed",
    "QueryView",
    "ScanReport",
    "Services",
    "State",
    "Statistic",
    "Tally",
    "TrialView",
    "TriggerView",
    "UploadView",
    "WrongOffset",
    "country_name",
    "filterable",
    "make_handlers",
    "risk_names",
]

#: A pcap's header alone (draft-ietf-opsawg-pcap): little-endian, version 2.4, Ethernet.
_EMPTY_PCAP = bytes.fromhex("d4c3b2a1 02000400 00000000 00000000 ffff0000 01000000")

_HOMES = {"FORMATS": "export", "Format": "export", "Tally": "tally", "filterable": "filters", "make_handlers": "ingest"}
_HOMES |= {"ANSWER_FORMATS": "formats"}
_HOMES |= dict.fromkeys(("CaptureView", "Deliverable", "DroneShare", "DroneView", "Order"), "captures.views")
_HOMES |= dict.fromkeys(("Channel", "WrongOffset"), "hive")
_HOMES |= dict.fromkeys(("AlertView", "TrialView", "TriggerView"), "alerts")
_HOMES |= dict.fromkeys(("BadCell", "BadCells", "IndexView", "Injected"), "indexes")
_HOMES |= {"DeviceView": "devices", "ElementView": "elements", "LookupView": "lookups"}
_HOMES |= dict.fromkeys(("ActorCatalog", "Answer", "QueryView"), "queries")
_HOMES |= {
    name: "views" for name in __all__ if name not in _HOMES and name not in ("Services", "country_name", "risk_names")
}


def country_name(code: str) -> str:
    """The English name of an ISO 3166-1 code."""
    from tapiary.enrich import country_name

    return country_name(code)


def risk_names(bits: int) -> list[str]:
    """The names of nDPI's risks that are set in `flows.risks`."""
    from tapiary.meter import risk_names

    return list(risk_names(bits))


def _engine_functions() -> Mapping[str, Any]:
    """What queries may call beside DuckDB's own functions."""
    from tapiary.query import ENGINE_FUNCTIONS

    return ENGINE_FUNCTIONS


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


class Services:
    """All use cases over one configuration; building it does no I/O."""

    def __init__(self, config: Config) -> None:
        self.config = config.resolve()

    @cached_property
    def database(self) -> Database:
        """The relational state, brought to the newest schema on first use."""
        from tapiary.database import Database

        self.config.data_path.mkdir(parents=True, exist_ok=True)
        database = Database(self.config.database_url)
        database.upgrade()
        return database

    @cached_property
    def store(self) -> Store:
        """The tables of flows and packet index."""
        from tapiary.store import Store

        return Store(self.config.store, _engine_functions)

    @cached_property
    def accounts(self) -> Accounts:
        """Users, levels, tokens, logins and the audit log."""
        from tapiary.accounts import Accounts

        return Accounts(self.database, self.config.accounts, self.config.ldap)

    @cached_property
    def access(self) -> Access:
        """Who may see which file."""
        from tapiary.services.access import Access

        return Access(self)

    @cached_property
    def secret_key(self) -> bytes:
        """What logins, sessions and links are signed with; made on first use."""
        from tapiary.services.secret import secret_key

        return secret_key(self.config.data_path)

    @cached_property
    def enricher(self) -> Enricher:
        """Where addresses are, by the configured files."""
        from tapiary.enrich import Enricher

        return Enricher(self.config.city_path, self.config.asn_path)

    @cached_property
    def queue(self) -> Queue:
        """The durable queue of jobs."""
        from tapiary.jobs import Queue

        return Queue(self.database, self.config.jobs)

    @cached_property
    def files(self) -> Files:
        """The repository: what files there are, and their bytes."""
        from tapiary.services.files import Files

        return Files(self)

    @cached_property
    def uploads(self) -> Uploads:
        """Files on their way into the repository."""
        from tapiary.services.uploads import Uploads

        return Uploads(self)

    @cached_property
    def ingest(self) -> Ingest:
        """From capture to visible rows."""
        from tapiary.services.ingest import Ingest

        return Ingest(self)

    @cached_property
    def search(self) -> Search:
        """Statistics and pages of flows."""
        from tapiary.services.search import Search

        return Search(self)

    @cached_property
    def packets(self) -> Packets:
        """The packets of any set of flows."""
        from tapiary.services.packets import Packets

        return Packets(self)

    @cached_property
    def queries(self) -> Queries:
        """NQL over everything that a user may see."""
        from tapiary.services.queries import Queries

        return Queries(self)

    def catalog(self, actor: Actor) -> ActorCatalog:
        """What an actor's queries can name."""
        from tapiary.services.queries import ActorCatalog

        return ActorCatalog(self, actor)

    @cached_property
    def export(self) -> Export:
        """Flows as files of other programs."""
        from tapiary.services.export import Export

        return Export(self)

    @cached_property
    def upkeep(self) -> Upkeep:
        """What a server does beside answering."""
        from tapiary.services.upkeep import Upkeep

        return Upkeep(self)

    @cached_property
    def hive(self) -> Hive:
        """The drones that are connected to this process, and what they do."""
        from tapiary.services.hive import Hive

        return Hive(self)

    @cached_property
    def captures(self) -> Captures:
        """Capture jobs."""
        from tapiary.services.captures import Captures

        return Captures(self)

    @cached_property
    def drones(self) -> Drones:
        """The drones that there are."""
        from tapiary.services.drones import Drones

        return Drones(self)

    @cached_property
    def scripts(self) -> Scripts:
        """Users' scripts."""
        from tapiary.services.scripts import Scripts

        return Scripts(self)

    @cached_property
    def destinations(self) -> Destinations:
        """Folders that finished captures are copied to."""
        from tapiary.services.destinations import Destinations

        return Destinations(self)

    @cached_property
    def triggers(self) -> Triggers:
        """Saved queries that watch for something."""
        from tapiary.services.alerts import Triggers

        return Triggers(self)

    @cached_property
    def alerts(self) -> Alerts:
        """What triggers have found."""
        from tapiary.services.alerts import Alerts

        return Alerts(self)

    @cached_property
    def elements(self) -> Elements:
        """Configured things of all categories, and who may do what with them."""
        from tapiary.services.elements import Elements

        return Elements(self)

    @cached_property
    def indexes(self) -> Indexes:
        """Custom indexes and their rows."""
        from tapiary.services.indexes import Indexes

        return Indexes(self)

    @cached_property
    def lookups(self) -> Lookups:
        """Tables that queries look things up in."""
        from tapiary.services.lookups import Lookups

        return Lookups(self)

    @cached_property
    def devices(self) -> Devices:
        """What people and scripts have written about addresses."""
        from tapiary.services.devices import Devices

        return Devices(self)

    def rows_came(self) -> None:
        """Let triggers look at once, where this process runs them, instead of at their next look."""
        if "triggers" in self.__dict__:
            self.triggers.runner.wake()

    def labels(self) -> tuple[LabelGroup, ...]:
        """Every label that a flow may get, by group, sorted."""
        from tapiary.meter import labels_by_group
        from tapiary.services.views import LabelGroup

        groups = labels_by_group(self.config.meter)
        return tuple(LabelGroup(name, tuple(labels)) for name, labels in sorted(groups.items()))

    def attribution(self) -> list[str]:
        """What the licences of the geographic data ask to be shown wherever places are shown.

        Rows may hold places from files that are gone, or no longer readable: then there is nothing to say of them.
        """
        from tapiary.errors import InvalidInput

        try:
            return self.enricher.attribution()
        except InvalidInput:
            return []

    def warm(self) -> None:
        """Import and open all that processing a file needs, so that the first one does not wait for it.

        What is missing or broken is told by the first job that needs it.
        """
        from contextlib import suppress
        from io import BytesIO

        import pyarrow as pa

        import tapiary.services.processing  # noqa: F401
        from tapiary.errors import TapiaryError
        from tapiary.meter import meter

        # The first array of text makes pyarrow look for pandas, and import it where it finds it: 0.2 s.
        pa.array(["warm"])
        with suppress(TapiaryError):
            self.enricher.open()
            self.store.size()
            # A capture without packets loads nDPI and the writer's libraries.
            for _ in meter(BytesIO(_EMPTY_PCAP), self.config.meter):
                pass
        _ = self.database, self.queue

    def close(self) -> None:
        """Let go of connections and files; the services may not be used afterwards."""
        for name in ("queries", "indexes", "database", "store", "enricher"):
            part = self.__dict__.pop(name, None)
            if part is not None and hasattr(part, "close"):
                part.close()
