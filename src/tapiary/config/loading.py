"""Reading the settings: file, then environment; every mistake is an InvalidInput that names the key and a way out."""

from __future__ import annotations

import difflib
import os
import re
import tomllib
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any, get_args, get_origin

import msgspec
from msgspec.structs import FieldInfo, fields

from tapiary.config.settings import Config
from tapiary.errors import InvalidInput

PREFIX = "TAPIARY_"

#: Variables with our prefix that are no settings.
OTHER_VARIABLES = {
    "TAPIARY_CONFIG": "path of the settings file",
    "TAPIARY_DRONE_TOKEN": "token of `tapiary drone`, which has settings of its own",
    "TAPIARY_TOKEN": "token of commands that ask a server (`--server`)",
    "TAPIARY_NATIVE": "whether installing compiles the meter: `required`, `off`, or unset for as the machine allows",
}

#: Keys of the file that hold a path: relative ones are relative to the file.
_PATHS = ("data_dir", "repository.path", "meter.rules_file", "geo.city", "geo.asn", "store.path",
          "server.tls_cert", "server.tls_key", "server.tls_client_ca", "ldap.ca_file", "capture.path", "log.path")


def load(path: Path | None = None, environ: Mapping[str, str] = os.environ) -> Config:
    """The settings of a TOML file and the environment, checked, with absolute paths.

    The file is `path`, else `$TAPIARY_CONFIG`, else `tapiary.toml` in the data folder if there is one. Raises
    InvalidInput for a file that is missing or no TOML, an unknown key or variable, and a value out of bounds.
    """
    from_environment = _environment(environ)
    named = path or (Path(environ["TAPIARY_CONFIG"]).expanduser() if environ.get("TAPIARY_CONFIG") else None)
    file = named or _convert(from_environment, "the environment").data_path / "tapiary.toml"
    settings: dict[str, Any] = {}
    if named or file.is_file():
        settings = _read_toml(file, "config")
        _check_keys(settings, file)
        _anchor_paths(settings, file.absolute().parent)
        _convert(settings, str(file))
    for key, value in from_environment.items():
        if isinstance(value, dict):
            settings.setdefault(key, {}).update(value)
        else:
            settings[key] = value
    return _convert(settings, "the environment").resolve()


def _read_toml(path: Path, field: str) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            return tomllib.load(file)
    except OSError as error:
        raise InvalidInput(f"cannot read {path}: {error.strerror}", field=field) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InvalidInput(f"{path} is not valid TOML: {error}", field=field) from None


@cache
def _sections() -> dict[str, dict[str, FieldInfo]]:
    """The keys of every section; those at the top under the empty name."""
    sections: dict[str, dict[str, FieldInfo]] = {"": {}}
    for field in fields(Config):
        if isinstance(field.type, type) and issubclass(field.type, msgspec.Struct):
            sections[field.name] = {key.name: key for key in fields(field.type)}
        else:
            sections[""][field.name] = field
    return sections


def _nearest(word: str, known: Iterable[str]) -> str:
    """A hint at the known word that was probably meant, empty when none is near."""
    found = difflib.get_close_matches(word, list(known), 1, 0.5)
    return f"; did you mean {found[0]}?" if found else ""


def _check_keys(settings: dict[str, Any], file: Path) -> None:
    sections = _sections()
    dotted = [f"{section}.{key}" if section else key for section, keys in sections.items() for key in keys]
    for name, value in settings.items():
        if name in sections[""]:
            continue
        if name not in sections:
            hint = _nearest(name, [*sections[""], *(s for s in sections if s), *dotted])
            raise InvalidInput(f"{file}: unknown setting {name}{hint}", field=name, code="unknown_setting")
        if not isinstance(value, dict):
            raise InvalidInput(f"{file}: {name} is a section, written [{name}]", field=name)
        for key in value:
            if key not in sections[name]:
                full = f"{name}.{key}"
                hint = _nearest(full, dotted)
                raise InvalidInput(f"{file}: unknown setting {full}{hint}", field=full, code="unknown_setting")


def _anchor_paths(settings: dict[str, Any], folder: Path) -> None:
    """Make the file's relative paths relative to the file."""
    for dotted in _PATHS:
        section, _, key = dotted.rpartition(".")
        table = settings.get(section, {}) if section else settings
        value = table.get(key)
        if isinstance(value, str) and value:
            table[key] = str(folder / Path(value).expanduser())


@cache
def variables() -> dict[str, tuple[str, str]]:
    """The environment variable of every setting, with its section ('' at the top) and key."""
    return {
        (PREFIX + (f"{section}_{key}" if section else key)).upper(): (section, key)
        for section, keys in _sections().items() for key in keys
    }


def _environment(environ: Mapping[str, str]) -> dict[str, Any]:
    known, sections = variables(), _sections()
    found: dict[str, Any] = {}
    for name, text in environ.items():
        if not name.startswith(PREFIX) or name in OTHER_VARIABLES:
            continue
        if name not in known:
            hint = _nearest(name, [*known, *OTHER_VARIABLES])
            raise InvalidInput(f"unknown environment variable {name}{hint}", field=name, code="unknown_setting")
        section, key = known[name]
        value = _parse(name, text, sections[section][key].type)
        (found.setdefault(section, {}) if section else found)[key] = value
    return found


def _parse(name: str, text: str, annotated: Any) -> Any:
    """The value that a variable's text stands for: lists by commas or JSON, tables by JSON, on/off for bool."""
    type_ = get_args(annotated)[0] if hasattr(annotated, "__metadata__") else annotated
    value: Any = text
    try:
        if get_origin(type_) is list and not text.lstrip().startswith("["):
            value = [part.strip() for part in text.split(",") if part.strip()]
        elif get_origin(type_) in (list, dict):
            value = msgspec.json.decode(text)
        elif type_ is bool and text.lower() in ("yes", "on", "no", "off"):
            value = text.lower() in ("yes", "on")
        # To built-in types again: the whole is converted and checked once more after merging with the file.
        return msgspec.to_builtins(msgspec.convert(value, annotated, strict=False))
    except msgspec.ValidationError as error:
        message, key = _explain(error)
        raise InvalidInput(f"{name}={text}: {key}{': ' if key else ''}{message}", field=name) from None
    except msgspec.DecodeError as error:
        raise InvalidInput(f"{name}={text}: not valid JSON: {error}", field=name) from None


def _explain(error: Exception) -> tuple[str, str]:
    """msgspec's message in plain words, and the dotted key that it speaks of."""
    message, _, where = str(error).partition(" - at `$")
    key = where.rstrip("`").lstrip(".")
    message = re.sub(r"`(\w+)`", r"\1", message)
    return message[:1].lower() + message[1:], key


def _convert(settings: dict[str, Any], origin: str) -> Config:
    try:
        return msgspec.convert(settings, Config)
    except msgspec.ValidationError as error:
        message, key = _explain(error)
        raise InvalidInput(f"{origin}: {key}: {message}", field=key or None) from None
