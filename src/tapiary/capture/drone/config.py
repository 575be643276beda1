"""The drone's settings: a TOML file in the format of TCI's drone, the environment, the command line.

TCI's keys keep their names and meanings (`hive.url`, `tls.cert`, `tls.ca_cert`, `tls.insecure`, `output_folder`,
`capture_limit`, `update_captured_interval`); what only this drone has stands beside them. Unknown keys stop the start.
"""

from __future__ import annotations

import difflib
import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct, field
from msgspec.structs import fields

from tapiary.errors import InvalidInput

#: Where the file is looked for when none is named, in this order (the places of TCI's drone).
PLACES = (Path("config.toml"), Path("/etc/tci/drone/config.toml"))
#: The token in the environment; it is never an argument, which every user of the machine could read.
TOKEN_VARIABLE = "TAPIARY_DRONE_TOKEN"

Backend = Literal["tcpdump", "ndp", "ndp_dummy"]


class Hive(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Where the hive is, and how this drone proves who it is."""

    url: Annotated[str, Meta(description="The hive's address, as `https://hive.example:8080`; a path is ignored")] = ""
    token: Annotated[str, Meta(description="The drone's token, which the hive shows once")] = ""
    token_file: Annotated[str, Meta(description="File that holds the token, instead of `token`")] = ""


class Tls(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Certificates for a hive that is reached by https."""

    cert: Annotated[str, Meta(description="This drone's client certificate (PEM); empty: none")] = ""
    key: Annotated[str, Meta(description="Its private key; empty: it lies in the same file")] = ""
    ca_cert: Annotated[str, Meta(description="Certificate that the hive's must come from; empty: the system's")] = ""
    insecure: Annotated[bool, Meta(description="Whether to trust any hive, whatever certificate it shows")] = False


class Ndp(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Programs for CESNET's cards. Words in braces are replaced: device, dma, file, filter, trim."""

    device: Annotated[str, Meta(description="The card")] = "/dev/nfb0"
    dma: Annotated[list[int], Meta(description="DMA channels of the card")] = field(default_factory=lambda: [0])
    filter: Annotated[list[str], Meta(description="Command that sets the card's filter")] = field(
        default_factory=lambda: ["filterctl", "-d", "{device}", "-s", "{filter}"])
    receive: Annotated[list[str], Meta(description="Command that writes one channel's packets into a file")] = field(
        default_factory=lambda: [
            "ndp-receive", "-d", "{device}", "-i", "{dma}", "-t", "system", "-q", "-f", "{file}"])
    trim: Annotated[list[str], Meta(description="What the command gets besides when packets are to be cut")] = field(
        default_factory=lambda: ["-r", "{trim}"])
    overflow: Annotated[str, Meta(description="What the program's messages say when the card lost packets")] = (
        "(?i)overflow|dropped packets"
    )


class Settings(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """All of the drone's settings. Sizes are bytes, times seconds."""

    hive: Hive = Hive()
    tls: Tls = Tls()
    ndp: Ndp = Ndp()
    name: Annotated[
        str, Meta(pattern=r"^[A-Za-z0-9._-]{0,30}$", description="Taken as TCI has it; only the token counts")
    ] = ""
    capture_backend: Annotated[Backend, Meta(description="What captures: `tcpdump`, `ndp`, `ndp_dummy`")] = "tcpdump"
    interface: Annotated[str | list[str], Meta(description="Network interface or list of them")] = "any"
    output_folder: Annotated[str, Meta(description="Folder for captures until the hive has them")] = (
        "/var/lib/tapiary-drone"
    )
    capture_limit: Annotated[int, Meta(ge=0, description="Most bytes of any one job; 0: as the job says")] = 0
    update_captured_interval: Annotated[
        float, Meta(ge=0.01, le=1, description="How often the size of a running capture is looked at")
    ] = 0.05
    segment_bytes: Annotated[int, Meta(ge=1_000_000, description="Size at which a new file is begun")] = 64_000_000
    buffer_bytes: Annotated[int, Meta(ge=1 << 20, description="Kernel's packet buffer of an interface")] = 64 << 20
    snaplen: Annotated[int, Meta(ge=0, le=262_144, description="Bytes kept of a packet; 0: all")] = 0
    min_free_bytes: Annotated[
        int, Meta(ge=1_000_000, description="A capture ends when the disk has less left (tcpdump would not notice)")
    ] = 1 << 30
    live: Annotated[bool, Meta(description="Whether to meter while capturing, when the meter is installed")] = True
    compression: Annotated[
        Literal["auto", "zstd", "none"], Meta(description="Of uploads; `auto`: whatever measures faster")
    ] = "auto"
    tcpdump_path: Annotated[str, Meta(description="The program tcpdump")] = "tcpdump"
    mergecap_path: Annotated[str, Meta(description="The program mergecap, for hives that want one file")] = "mergecap"

    @property
    def interfaces(self) -> list[str]:
        """The interfaces to capture on, without repetition."""
        given = [self.interface] if isinstance(self.interface, str) else self.interface
        return list(dict.fromkeys(given))

    @property
    def folder(self) -> Path:
        """The folder of captures."""
        return Path(self.output_folder)

    @property
    def base_url(self) -> str:
        """Scheme, host and port of the hive; a path is dropped, as TCI's drone does."""
        matched = re.match(r"^(https?)://([^/]+)", self.hive.url)
        return f"{matched[1]}://{matched[2]}" if matched else ""


def load(
    path: Path | None = None, changes: Mapping[str, Any] | None = None, environ: Mapping[str, str] = os.environ,
) -> Settings:
    """The settings of a file (`path`, else the first of PLACES that is there), changed by the command line.

    `changes` maps keys, dotted for those in sections, to values. Raises InvalidInput for a file that is missing or
    no TOML, an unknown key, a value out of bounds, a hive or token that is not given.
    """
    file = path or next((place for place in PLACES if place.is_file()), None)
    table: dict[str, Any] = _read(file) if file else {}
    if file:
        _convert(table, str(file))
        _anchor(table, file.absolute().parent)
    for key, value in (changes or {}).items():
        section, _, name = key.rpartition(".")
        (table.setdefault(section, {}) if section else table)[name] = value
    settings = _convert(table, "the command line")
    return _with_token(settings, environ)


def _read(file: Path) -> dict[str, Any]:
    try:
        with file.open("rb") as opened:
            return tomllib.load(opened)
    except OSError as error:
        raise InvalidInput(f"cannot read {file}: {error.strerror}", field="config") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InvalidInput(f"{file} is not valid TOML: {error}", field="config") from None


def _anchor(table: dict[str, Any], folder: Path) -> None:
    """Make the file's relative paths relative to the file."""
    for section, key in (("hive", "token_file"), ("tls", "cert"), ("tls", "key"), ("tls", "ca_cert"),
                         ("", "output_folder")):
        part = table.get(section, {}) if section else table
        if part.get(key):
            part[key] = str(folder / Path(part[key]).expanduser())


def _convert(table: dict[str, Any], origin: str) -> Settings:
    try:
        settings = msgspec.convert(table, Settings)
    except msgspec.ValidationError as error:
        raise InvalidInput(f"{origin}: {_explain(str(error))}", field="config") from None
    if not settings.interfaces or any(not name or name.startswith("-") or "/" in name for name in settings.interfaces):
        raise InvalidInput(f"{origin}: interface: name at least one network interface", field="interface")
    return settings


def _explain(message: str) -> str:
    """msgspec's words with the key's dotted name, and the nearest known key for an unknown one."""
    text, _, place = message.partition(" - at `$")
    where = place.rstrip("`").lstrip(".")
    unknown = re.search(r"unknown field `(.+)`", text)
    if not unknown:
        return f"{where}: {text[:1].lower()}{text[1:]}"
    kinds: dict[str, type[Struct]] = {"": Settings, "hive": Hive, "tls": Tls, "ndp": Ndp}
    known = [f"{section}.{key.name}".lstrip(".") for section, kind in kinds.items() for key in fields(kind)]
    full = f"{where}.{unknown[1]}".lstrip(".")
    near = difflib.get_close_matches(full, known, 1, 0.5)
    return f"unknown setting {full}" + (f"; did you mean {near[0]}?" if near else "")


def _with_token(settings: Settings, environ: Mapping[str, str]) -> Settings:
    """The settings with the token out of the environment or its file, whichever is given."""
    token = settings.hive.token or environ.get(TOKEN_VARIABLE, "")
    if settings.hive.token_file:
        file = Path(settings.hive.token_file)
        try:
            token = file.read_text("utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is no text"
            raise InvalidInput(f"cannot read the token in {file}: {reason}", field="hive.token_file") from None
    if not settings.base_url:
        raise InvalidInput(
            "the hive's address is missing: hive.url in config.toml, or --hive http://HIVE:8080", field="hive.url")
    if not token.strip():
        raise InvalidInput(
            f"the drone's token is missing: hive.token or hive.token_file in config.toml, --token-file, "
            f"or ${TOKEN_VARIABLE}", field="hive.token")
    hive = msgspec.structs.replace(settings.hive, token=token.strip())
    return msgspec.structs.replace(settings, hive=hive)
