"""Keeping scripts: what is accepted, who may use which, and what the program brings itself."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from tapiary.accounts import Actor, Permission
from tapiary.database import Audit, Script
from tapiary.errors import Conflict, Forbidden, InvalidInput, NotFound, TapiaryError
from tapiary.services import Services
from tapiary.services.scripts import Scripts
from tapiary.services.scripts.shebang import read_script

from .conftest import MASTER, PLAIN, add_capture

TEXT = b"#!/bin/sh\ncp input.pcap output_dir/\n"


def test_what_was_stored_comes_back(scripts: Scripts) -> None:
    made = scripts.create(MASTER, name="copy", level=20, contents=TEXT, description="copies")
    assert scripts.get(PLAIN, "copy") == made
    assert (made.contents, made.filetype, made.owner, made.level) == (TEXT, "text/x-shellscript", "ada", 20)
    assert scripts.list(PLAIN) == [made]


def test_a_script_is_for_its_level_and_higher_ranks(scripts: Scripts) -> None:
    scripts.create(MASTER, name="copy", level=5, contents=TEXT)
    assert [s.name for s in scripts.list(MASTER)] == ["copy"]
    assert scripts.list(PLAIN) == []
    with pytest.raises(Forbidden):
        scripts.get(PLAIN, "copy")


def test_nobody_gives_a_script_to_higher_ranks_only(scripts: Scripts) -> None:
    with pytest.raises(Forbidden) as caught:
        scripts.create(MASTER, name="copy", level=1, contents=TEXT)
    assert caught.value.field == "authorization_level"


def test_uploading_and_deleting_need_the_permission(scripts: Scripts) -> None:
    with pytest.raises(Forbidden):
        scripts.create(PLAIN, name="copy", level=20, contents=TEXT)
    scripts.create(MASTER, name="copy", level=20, contents=TEXT)
    with pytest.raises(Forbidden):
        scripts.delete(PLAIN, "copy")


@pytest.mark.parametrize("name", ["", "None", "x" * 21, "a/b", "a\nb", " a"])
def test_names_that_are_refused(scripts: Scripts, name: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        scripts.create(MASTER, name=name, level=20, contents=TEXT)
    assert caught.value.field == "name"


def test_a_name_is_taken_once(scripts: Scripts) -> None:
    scripts.create(MASTER, name="copy", level=20, contents=TEXT)
    with pytest.raises(Conflict):
        scripts.create(MASTER, name="copy", level=20, contents=TEXT)


def test_the_level_must_be_there(scripts: Scripts) -> None:
    with pytest.raises(InvalidInput) as caught:
        scripts.create(MASTER, name="copy", level=7, contents=TEXT)
    assert caught.value.field == "authorization_level"


@pytest.mark.parametrize(("contents", "interpreter", "options"), [
    (b"#!/bin/sh", "sh", ()),
    (b"#! /bin/bash -eu\necho", "bash", ("-eu",)),
    (b"#!/usr/bin/env python3\nprint()", "python3", ()),
    (b"#!/usr/bin/env -S dash -e\n", "dash", ("-e",)),
])
def test_first_lines_that_are_understood(contents: bytes, interpreter: str, options: tuple[str, ...]) -> None:
    _, shebang = read_script(contents)
    assert (shebang.interpreter, shebang.options) == (interpreter, options)


@pytest.mark.parametrize("contents", [
    b"", b"echo", b"\n#!/bin/sh", b"#!", b"#!/bin/sh\r\necho\r\n", b"#!/usr/bin/perl\n", b"#!/usr/bin/env\n",
    b"#!/bin/sh\n\0", b"#!/bin/sh\n\xff", b"\x7fELF", b"#!/bin/sh -c reboot\n", b"#!/bin/sh\n" + b"x" * (1 << 20),
])
def test_files_that_are_no_script_of_ours(contents: bytes) -> None:
    with pytest.raises(InvalidInput) as caught:
        read_script(contents)
    assert caught.value.field == "file_contents"


def test_python_is_told_as_such() -> None:
    assert read_script(b"#!/usr/bin/python3\n")[1].filetype == "text/x-script.python"


def test_a_script_in_use_stays(scripts: Scripts, services: Services) -> None:
    made = scripts.create(MASTER, name="copy", level=20, contents=TEXT)
    add_capture(services, script_id=made.id)
    with pytest.raises(Conflict):
        scripts.delete(MASTER, "copy")


def test_a_deleted_script_is_gone_and_both_steps_are_on_record(scripts: Scripts, services: Services) -> None:
    scripts.create(MASTER, name="copy", level=20, contents=TEXT)
    scripts.delete(MASTER, "copy")
    with pytest.raises(NotFound):
        scripts.get(MASTER, "copy")
    with services.database.session(write=False) as session:
        assert list(session.scalars(select(Audit.action))) == ["script.create", "script.delete"]


def test_shipped_scripts_are_for_everybody_and_stay(scripts: Scripts) -> None:
    scripts.install_shipped()
    assert [s.name for s in scripts.list(PLAIN)] == ["anonymise", "dataset", "headers"]
    assert {s.level for s in scripts.list(Actor("low", 9, level=99))} == {20}
    with pytest.raises(Conflict):
        scripts.delete(MASTER, "headers")


def test_shipped_scripts_are_brought_up_to_date_and_ones_own_are_left(scripts: Scripts, services: Services) -> None:
    scripts.create(MASTER, name="headers", level=20, contents=TEXT)
    scripts.install_shipped()
    with services.database.session() as session:
        session.scalars(select(Script).where(Script.name == "dataset")).one().contents = "#!/bin/sh\nold"
    scripts.install_shipped()
    assert scripts.get(PLAIN, "headers").contents == TEXT
    assert b"old" not in scripts.get(PLAIN, "dataset").contents


def test_nothing_is_installed_before_there_are_levels(config: object) -> None:
    services = Services(config)  # type: ignore[arg-type]
    Scripts(services).install_shipped()
    assert Scripts(services).list(Actor("x", 1, level=1, permissions=Permission.ADMIN)) == []
    services.close()


def test_errors_are_meant_for_users(scripts: Scripts) -> None:
    with pytest.raises(TapiaryError, match="'nothing'"):
        scripts.get(MASTER, "nothing")
