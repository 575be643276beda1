"""What `tapiary doctor` looks at: each check says what it found, whether that will do, and how to mend it."""

from __future__ import annotations

import os
import platform
import re
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from tapiary import __version__
from tapiary.cli.numbers import size
from tapiary.errors import TapiaryError

if TYPE_CHECKING:
    from tapiary.config import Config
    from tapiary.services import Services

#: With less free space than this a single big capture's tables may not fit.
LOW_SPACE_BYTES = 2_000_000_000
#: Address ranges change hands: DB-IP and MaxMind publish monthly, half a year old data begins to mislead.
OLD_GEO_DAYS = 180

#: A requirement of our package metadata (PEP 508): name, versions, the extra that asks for it.
_REQUIREMENT = re.compile(r"""([A-Za-z0-9._-]+)(?:\[[^]]*\])?\s*([^;]*)(?:;.*extra\s*==\s*['"](\w+)['"])?""")

State = Literal["ok", "note", "missing"]


@dataclass(frozen=True, slots=True)
class Check:
    """One finding; `missing` means that something needed does not work, `note` that something optional does not."""

    name: str
    state: State
    found: str
    hint: str = ""


def all_checks(config: Config, services: Services) -> Iterator[Check]:
    """Every check, in the order in which a person would look."""
    yield _guarded("Python", _python)
    yield _guarded("Tapiary", _tapiary)
    yield from _libraries()
    yield _guarded("meter's core", _core)
    yield _guarded("nDPI", _ndpi)
    yield _guarded("data folder", lambda: _data_folder(config))
    yield _guarded("disk space", lambda: _space(config))
    yield _guarded("database", lambda: _database(config, services))
    yield _guarded("GeoIP city", lambda: _geo("GeoIP city", config.city_path, "countries and cities", config))
    yield _guarded("GeoIP AS", lambda: _geo("GeoIP AS", config.asn_path, "autonomous systems", config))
    yield _guarded("sandbox", lambda: _sandbox(config, services))
    for program, use in (("tcpdump", "capture traffic"), ("tshark", "look into packets")):
        path = shutil.which(program)
        yield Check(program, "ok", path) if path else Check(program, "note", f"not there; useful to {use}",
                                                             f"Debian, Ubuntu: apt install {program}")


def _guarded(name: str, check: Callable[[], Check]) -> Check:
    """The check's finding; a check that itself fails has found something broken."""
    try:
        return check()
    except TapiaryError as error:
        return Check(name, "missing", error.message)
    except Exception as error:  # noqa: BLE001 - a doctor reports whatever is broken
        return Check(name, "missing", f"{type(error).__name__}: {' '.join(str(error).split())}")


def _python() -> Check:
    return Check("Python", "ok", f"{platform.python_version()} ({sys.executable})")


def _tapiary() -> Check:
    return Check("Tapiary", "ok", f"{__version__} ({Path(__file__).parents[1]})")


def _libraries() -> Iterator[Check]:
    """The libraries that our own package metadata ask for."""
    try:
        requirements = metadata.requires("tapiary") or []
    except metadata.PackageNotFoundError:
        yield Check("libraries", "missing", "Tapiary itself is not installed, only its sources are there",
                    "pip install -e '.[server]' in the checkout")
        return
    for requirement in requirements:
        matched = _REQUIREMENT.match(requirement)
        if not matched or matched[1] == "tapiary" or matched[3] not in (None, "meter", "server"):
            continue
        name, wanted, extra = matched[1], matched[2].strip(" ()"), matched[3]
        hint = f"pip install 'tapiary[{extra}]'" if extra else "pip install --force-reinstall tapiary"
        try:
            version = metadata.version(name)
        except metadata.PackageNotFoundError:
            yield Check(name, "missing", f"not installed (needs {wanted or 'any version'})", hint)
            continue
        yield Check(name, "ok", version) if _meets(version, wanted) else Check(
            name, "missing", f"{version} is not {wanted}", f"pip install '{name}{wanted}'")


def _meets(version: str, wanted: str) -> bool:
    """Whether a version satisfies `>=` and `==` clauses (all that we use), by its release numbers."""
    have = _numbers(version)
    for clause in filter(None, wanted.split(",")):
        sign, number = clause.strip()[:2], _numbers(clause.strip()[2:])
        if (sign == ">=" and have < number) or (sign == "==" and have[: len(number)] != number):
            return False
    return True


def _numbers(version: str) -> list[int]:
    return [int(part) for part in re.findall(r"\d+", version.split("+")[0])]


def _core() -> Check:
    from importlib import util

    spec = util.find_spec("tapiary.meter._native")
    if spec is None or not spec.origin:
        return Check("meter's core", "missing", "the compiled core is not there",
                     "install a C compiler (Debian, Ubuntu: apt install gcc python3-dev), then tapiary again")
    from importlib import import_module

    import_module("tapiary.meter._native")
    return Check("meter's core", "ok", spec.origin)


def _ndpi() -> Check:
    from tapiary import meter

    return Check("nDPI", "ok", f"{meter.ndpi_version()} (of nfstream {metadata.version('nfstream')})")


def _data_folder(config: Config) -> Check:
    path = config.data_path
    existing = next(folder for folder in (path, *path.parents) if folder.exists())
    if not existing.is_dir() or not os.access(existing, os.W_OK | os.X_OK):
        return Check("data folder", "missing", f"{path} cannot be written", "set data_dir, or use --data-dir")
    return Check("data folder", "ok", f"{path}" if existing == path else f"{path} (made at first use)")


def _space(config: Config) -> Check:
    path = config.tables_path
    existing = next(folder for folder in (path, *path.parents) if folder.exists())
    free = shutil.disk_usage(existing).free
    if free < LOW_SPACE_BYTES:
        return Check("disk space", "note", f"{size(free)} left", "free some, or set data_dir to another disk")
    return Check("disk space", "ok", f"{size(free)} left")


def _database(config: Config, services: Services) -> Check:
    url = re.sub(r"(://[^:/@]*):[^@]*@", r"\1:***@", config.database_url)
    file = Path(config.database_url.removeprefix("sqlite:///"))
    if config.database_url.startswith("sqlite") and not file.exists():
        return Check("database", "ok", f"{url} (made at first use)")
    services.database.upgrade()  # a no-op when it is at head; what does not work is told
    return Check("database", "ok", f"{url}, at revision {services.database.revision()}")


def _sandbox(config: Config, services: Services) -> Check:
    """What users' scripts would run in; a server without scripts needs none."""
    from tapiary.errors import Unavailable

    if config.scripts.sandbox == "none":
        return Check("sandbox", "ok", "switched off (scripts.sandbox is none)")
    try:
        return Check("sandbox", "ok", f"{services.scripts.engine()} runs users' scripts")
    except Unavailable as error:
        return Check("sandbox", "note", error.message, "Debian, Ubuntu: apt install bubblewrap util-linux")


def _geo(name: str, path: Path | None, what: str, config: Config) -> Check:
    fetch = f"python -m tapiary.enrich.fetch {config.data_path}"
    if path is None:
        return Check(name, "note", f"no data: {what} stay unknown", f"{fetch}, or set geo.city and geo.asn")
    import maxminddb

    with maxminddb.open_database(str(path)) as reader:
        about = reader.metadata()
    days = int((time.time() - about.build_epoch) // 86400)
    found = f"{path}, {about.database_type}, {days} days old"
    if days > OLD_GEO_DAYS:
        return Check(name, "note", found, f"{fetch} --update")
    return Check(name, "ok", found)
