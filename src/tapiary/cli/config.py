"""`tapiary config`: the settings in force and where each comes from."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tapiary.cli.command import Command
from tapiary.cli.layout import Screen
from tapiary.cli.output import echo_json
from tapiary.cli.session import Session, pass_session

if TYPE_CHECKING:
    from tapiary.config import Config


@click.command(
    cls=Command,
    examples=[
        ("tapiary config", "every setting, its value, and where the value comes from"),
        ("tapiary config --toml > tapiary.toml", "a settings file with all defaults, commented, to start from"),
        ("TAPIARY_METER_THREADS=2 tapiary config --json", "for a program; variables override the file"),
    ],
)
@click.option("--toml", is_flag=True, help="Write a settings file with every key, its meaning and its default.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object of key: {value, source}.")
@pass_session
def config(session: Session, toml: bool, as_json: bool) -> None:
    """Show the settings in force and where each comes from: the defaults, the settings file, or the environment."""
    if toml:
        click.echo(default_file(), nl=False)
        return
    rows = settings_in_force(session)
    if as_json:
        echo_json({key: {"value": value, "source": source} for key, value, source in rows})
        return
    screen = Screen.of()
    shown = [(key, toml_value(value), source) for key, value, source in rows]
    for line in screen.table(("setting", "value", "from"), shown):
        click.echo(line)


def settings_in_force(session: Session) -> list[tuple[str, Any, str]]:
    """Dotted key, value and source of every setting."""
    from msgspec import to_builtins

    config = session.config
    values = to_builtins(config)
    file, in_file = _file_keys(session, config)
    rows = []
    for section, key, _description, _default in _declared():
        dotted = f"{section}.{key}" if section else key
        value = values[section][key] if section else values[key]
        variable = "TAPIARY_" + dotted.upper().replace(".", "_")
        if variable == "TAPIARY_DATA_DIR" and session.data_dir:
            source = "--data-dir"
        elif variable in session.environ:
            source = f"${variable}"
        else:
            source = str(file) if dotted in in_file else "default"
        rows.append((dotted, _without_password(value) if dotted == "database.url" else value, source))
    return rows


def _without_password(url: str) -> str:
    """A database URL that may be shown and pasted."""
    return re.sub(r"(://[^:/@]*):[^@]*@", r"\1:***@", url)


def _file_keys(session: Session, config: Config) -> tuple[Path, set[str]]:
    """The settings file that was read, and the keys that it sets."""
    import tomllib

    named = session.config_file or session.environ.get("TAPIARY_CONFIG")
    # Without a name, the file is looked for in the data folder that it cannot itself move.
    from tapiary.config import Config

    folder = Path(session.environ.get("TAPIARY_DATA_DIR") or Config().data_dir).expanduser()
    file = Path(named).expanduser() if named else folder / "tapiary.toml"
    if not file.is_file():
        return file, set()
    keys = set()
    for name, value in tomllib.loads(file.read_text("utf-8")).items():
        keys |= {f"{name}.{key}" for key in value} if isinstance(value, dict) else {name}
    return file, keys


def _declared() -> list[tuple[str, str, str, Any]]:
    """Section ('' at the top), key, description and default of every setting, in the order of their declaration."""
    from typing import get_args

    from msgspec import NODEFAULT, Struct
    from msgspec.structs import fields

    from tapiary.config import Config

    declared: list[tuple[str, str, str, Any]] = []
    sections: list[tuple[str, type[Struct]]] = [("", Config)]
    sections += [(f.name, f.type) for f in fields(Config) if isinstance(f.type, type) and issubclass(f.type, Struct)]
    for section, struct in sections:
        for field in fields(struct):
            if any(field.name == name for name, _ in sections[1:]) and not section:
                continue
            meta = next((m for m in get_args(field.type)[1:] if getattr(m, "description", None)), None)
            default = field.default if field.default is not NODEFAULT else field.default_factory()
            declared.append((section, field.name, meta.description if meta else "", default))
    return declared


def default_file() -> str:
    """A settings file with every key commented out at its default, under what it means."""
    lines = [
        "# Settings of Tapiary. Remove the # before a key to change it; environment variables",
        "# TAPIARY_<SECTION>_<KEY> override what stands here. An unknown key stops the start.",
    ]
    current = ""
    for section, key, description, default in _declared():
        if section != current:
            lines += ["", f"[{section}]"]
            current = section
        lines += ["", *(f"# {line}" for line in click.wrap_text(description, 98).splitlines())] if description else [""]
        lines.append(f"#{key} = {toml_value(default)}")
    return "\n".join(lines) + "\n"


def toml_value(value: Any) -> str:
    """A value as TOML writes it (inline)."""
    import json

    if isinstance(value, dict):
        pairs = ", ".join(f"{json.dumps(key)} = {toml_value(v)}" for key, v in value.items())
        return f"{{ {pairs} }}" if pairs else "{}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(toml_value(v) for v in value) + "]"
    return str(value) if isinstance(value, float) else json.dumps(value, ensure_ascii=False)
