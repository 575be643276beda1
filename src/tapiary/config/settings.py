"""The settings themselves: frozen structs, one a section, each key with its bounds and the sentence for the docs."""

from __future__ import annotations

import ipaddress
import os
from pathlib import Path
from typing import Annotated, Literal

from msgspec import Meta, Struct, field
from msgspec.structs import replace

from tapiary.config.asking import AlertsConfig, IndexesConfig, QueriesConfig
from tapiary.config.capturing import CaptureConfig, LogConfig, ScriptsConfig
from tapiary.config.people import AccountsConfig, LdapConfig
from tapiary.errors import InvalidInput

#: More threads than this only share nDPI's caches less well; the drive and the writer become the limit.
MAX_DEFAULT_METER_THREADS = 8


def cores() -> int:
    """The processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _path(text: str) -> Path:
    return Path(os.path.abspath(os.path.expanduser(text)))


class Rule(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A user's own label for some flows; every criterion given must match, by any one of its elements.

    Either end of a flow may match `address` and `port`. The first rule that matches wins, over nDPI too.
    """

    label: Annotated[str, Meta(min_length=1, description="Label that the flow gets")]
    group: Annotated[str, Meta(min_length=1, description="Label group (category) that the flow gets")]
    address: Annotated[list[str], Meta(description="Addresses and CIDR networks, IPv4 or IPv6")] = []
    port: Annotated[list[Annotated[int, Meta(ge=1, le=65535)]], Meta(description="Ports of either end")] = []
    protocol: Annotated[str | None, Meta(description="IP protocol, by name (`tcp`, `udp`, `icmp`, …) or number")] = None
    host: Annotated[list[str], Meta(description="Host names; each also matches all names below it")] = []
    note: Annotated[str | None, Meta(description="Note shown with the flow")] = None

    def __post_init__(self) -> None:
        if not (self.address or self.port or self.protocol or self.host):
            raise ValueError(f"rule {self.label!r} needs at least one of address, port, protocol or host")
        for text in self.address:
            try:
                ipaddress.ip_network(text, strict=False)
            except ValueError:
                raise ValueError(f"rule {self.label!r}: {text!r} is neither an address nor a CIDR network") from None


class RepositoryConfig(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The folder of capture files, filled by uploads, by captures and by hand."""

    path: Annotated[str, Meta(description="The folder; empty: `repository` in the data folder")] = ""
    settle_s: Annotated[float, Meta(ge=0, description="A file changed within this many seconds counts as in use")] = 2.0
    scan_interval_s: Annotated[float, Meta(gt=0, description="Seconds between two looks into the folder")] = 5.0
    max_upload_bytes: Annotated[int, Meta(ge=0, description="Largest upload accepted; 0: no limit")] = 0
    auto_process: Annotated[bool, Meta(description="Whether new files in the folder are processed unasked")] = True


class MeterConfig(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How packets become labelled flows."""

    idle_timeout_s: Annotated[float, Meta(gt=0, description="A flow without packets for this long has ended")] = 120.0
    active_timeout_s: Annotated[float, Meta(gt=0, description="A flow longer than this is cut in two")] = 1800.0
    tcp_close: Annotated[bool, Meta(description="Whether FIN or RST ends a TCP flow (nfstream: no)")] = False
    tunnels: Annotated[
        list[Literal["ipip", "gtp-u", "capwap", "tzsp", "gre", "vxlan", "geneve", "l2tp"]],
        Meta(description="Tunnels whose inner packets make the flows (default as nfstream); `[]`: none"),
    ] = field(default_factory=lambda: ["ipip", "gtp-u", "capwap", "tzsp"])
    dpi: Annotated[bool, Meta(description="Whether nDPI labels the flows; without it only the users' rules do")] = True
    dissections: Annotated[
        int, Meta(ge=1, le=255, description="Packets of a flow that nDPI sees at most; fewer than 20 change labels")
    ] = 20
    threads: Annotated[
        int, Meta(ge=0, le=64, description="Threads; 0: one a core, at most 8, and one where nothing is labelled")
    ] = 0
    statistics: Annotated[
        list[Literal["flags", "sizes", "times", "sequence"]], Meta(description="Optional groups of columns to fill")
    ] = field(default_factory=lambda: ["flags", "sizes", "times", "sequence"])
    sequence_packets: Annotated[
        int, Meta(ge=1, le=255, description="Packets of a flow whose sizes and times `sequence` keeps")
    ] = 30
    index: Annotated[bool, Meta(description="Whether to record where each flow's packets lie, to cut them out")] = True
    rules_file: Annotated[str, Meta(description="TOML file of `[[rule]]` tables; empty: none")] = ""
    ndpi: Annotated[
        dict[str, str | int | bool],
        Meta(
            description="nDPI's own settings by name, as `{ \"tls,metadata.ja4c_fingerprint\" = false }`: "
            "a protocol's own have its name and a comma before them"
        ),
    ] = {}
    rules: Annotated[list[Rule], Meta(description="Label rules, tried before those of `rules_file`")] = []

    @property
    def thread_count(self) -> int:
        """The threads to use, `threads` or what 0 means here."""
        return self.threads or min(cores(), MAX_DEFAULT_METER_THREADS)


class GeoConfig(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Where the GeoIP data lie; without them countries, cities and networks stay unknown."""

    city: Annotated[str, Meta(description="City file (MaxMind format); empty: `geo/city.mmdb` in the data folder")] = ""
    asn: Annotated[str, Meta(description="AS file (MaxMind format); empty: `geo/asn.mmdb` in the data folder")] = ""


class StoreConfig(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The Delta Lake tables and the engine that reads them."""

    path: Annotated[str, Meta(description="Folder of the tables; empty: `tables` in the data folder")] = ""
    memory_limit: Annotated[
        str, Meta(pattern=r"^\d+(\.\d+)?\s*([KMGT]i?B|%)$", description="Memory that queries may use, as `4GB`")
    ] = "4GB"
    threads: Annotated[int, Meta(ge=0, description="Threads of a query; 0: one a core")] = 0


class DatabaseConfig(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The relational database of files, jobs and tokens."""

    url: Annotated[
        str,
        Meta(description="SQLAlchemy URL, `postgresql+psycopg://…` for PostgreSQL; empty: SQLite in the data folder"),
    ] = ""


class JobsConfig(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The queue of jobs and its worker processes."""

    workers: Annotated[int, Meta(ge=0, description="Worker processes; 0: one, or two from 4 cores on")] = 0
    lease_s: Annotated[float, Meta(gt=0, description="A worker silent this long loses its job to the next")] = 10.0
    max_attempts: Annotated[int, Meta(ge=1, description="Attempts after which a job has failed")] = 3

    @property
    def worker_count(self) -> int:
        """The worker processes to start, `workers` or what 0 means here."""
        return self.workers or (2 if cores() >= 4 else 1)


class ServerConfig(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The HTTP server."""

    host: Annotated[str, Meta(description="Address to listen on; `0.0.0.0` for all of IPv4")] = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65535, description="Port to listen on; 0: any free one")] = 8080
    anonymous: Annotated[bool, Meta(description="Whether requests need no token, and may do everything")] = False
    threads: Annotated[int, Meta(ge=1, description="Requests answered at the same time, drones not counted")] = 64
    url: Annotated[
        str, Meta(description="Address under which users reach the server, as `https://hive.example`; empty: as asked")
    ] = ""
    tls: Annotated[
        bool, Meta(description="Whether to serve HTTPS; without files, with a self-signed certificate made here")
    ] = False
    tls_cert: Annotated[str, Meta(description="Certificate chain, PEM; empty: self-signed, in the data folder")] = ""
    tls_key: Annotated[str, Meta(description="Private key of the certificate, PEM")] = ""
    tls_client_ca: Annotated[
        str, Meta(description="CA certificates, PEM; where set, clients must show a certificate of theirs")
    ] = ""


class Config(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """All settings; paths may be as written, `resolve` and the path properties make them absolute."""

    data_dir: Annotated[
        str, Meta(min_length=1, description="Folder that holds everything that no other setting puts elsewhere")
    ] = "~/.local/share/tapiary"
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"], Meta(description="Least severe messages that the log shows")
    ] = "info"
    repository: RepositoryConfig = RepositoryConfig()
    meter: MeterConfig = MeterConfig()
    geo: GeoConfig = GeoConfig()
    store: StoreConfig = StoreConfig()
    indexes: IndexesConfig = IndexesConfig()
    queries: QueriesConfig = QueriesConfig()
    alerts: AlertsConfig = AlertsConfig()
    database: DatabaseConfig = DatabaseConfig()
    jobs: JobsConfig = JobsConfig()
    server: ServerConfig = ServerConfig()
    accounts: AccountsConfig = AccountsConfig()
    ldap: LdapConfig = LdapConfig()
    capture: CaptureConfig = CaptureConfig()
    scripts: ScriptsConfig = ScriptsConfig()
    log: LogConfig = LogConfig()

    @property
    def data_path(self) -> Path:
        """The data folder."""
        return _path(self.data_dir)

    @property
    def repository_path(self) -> Path:
        """The folder of capture files."""
        return _path(self.repository.path) if self.repository.path else self.data_path / "repository"

    @property
    def tables_path(self) -> Path:
        """The folder of the Delta Lake tables."""
        return _path(self.store.path) if self.store.path else self.data_path / "tables"

    @property
    def captures_path(self) -> Path:
        """The folder of parts under way from drones, and of scripts' results."""
        return _path(self.capture.path) if self.capture.path else self.data_path / "captures"

    @property
    def logs_path(self) -> Path:
        """The folder of the log files."""
        return _path(self.log.path) if self.log.path else self.data_path / "logs"

    @property
    def geo_path(self) -> Path:
        """The folder that downloaded GeoIP data are put into."""
        return self.data_path / "geo"

    @property
    def city_path(self) -> Path | None:
        """The city file; None when none is set and the data folder has none (looked up at each call)."""
        return self._geo_file("city", self.geo.city)

    @property
    def asn_path(self) -> Path | None:
        """The AS file; None when none is set and the data folder has none (looked up at each call)."""
        return self._geo_file("asn", self.geo.asn)

    def _geo_file(self, key: str, setting: str) -> Path | None:
        if setting:
            path = _path(setting)
            if not path.is_file():
                raise InvalidInput(f"geo.{key}: there is no file {path}", field=f"geo.{key}")
            return path
        path = self.geo_path / f"{key}.mmdb"
        return path if path.is_file() else None

    @property
    def database_url(self) -> str:
        """The SQLAlchemy URL of the database."""
        return self.database.url or f"sqlite:///{self.data_path / 'tapiary.db'}"

    def resolve(self) -> Config:
        """The same settings with every path absolute and the database's URL filled in.

        GeoIP paths that are empty stay so: the files may arrive later.
        """
        return replace(
            self,
            data_dir=str(self.data_path),
            repository=replace(self.repository, path=str(self.repository_path)),
            meter=replace(self.meter, rules_file=self.meter.rules_file and str(_path(self.meter.rules_file))),
            geo=replace(self.geo, city=self.geo.city and str(_path(self.geo.city)),
                        asn=self.geo.asn and str(_path(self.geo.asn))),
            store=replace(self.store, path=str(self.tables_path)),
            database=replace(self.database, url=self.database_url),
            server=replace(self.server, **{
                key: text and str(_path(text))
                for key in ("tls_cert", "tls_key", "tls_client_ca") for text in (getattr(self.server, key),)
            }),
            ldap=replace(self.ldap, ca_file=self.ldap.ca_file and str(_path(self.ldap.ca_file))),
            capture=replace(self.capture, path=str(self.captures_path),
                            destination_roots=[str(_path(root)) for root in self.capture.destination_roots]),
            log=replace(self.log, path=str(self.logs_path)),
        )
