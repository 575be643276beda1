"""`tapiary trigger` and `tapiary alerts`: made of a file, shown, tried, deleted; what was found."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tapiary.config import Config
from tapiary.services import Services

if TYPE_CHECKING:
    from tests.cli.conftest import Run

INDEX = {"name": "events", "fields": [{"name": "timestamp", "type": "long"}, {"name": "n", "type": "int"}]}
TRIGGER = {"name": "many", "query": 'src stream="events" | n > 5', "title": "n is ${n}", "on_new_data": True,
           "severity": "High"}


@pytest.fixture
def data(tmp_path: Path, tapiary: Run) -> Path:
    """A data folder with a user and an index."""
    assert tapiary("token", "create", "x").code == 0
    services = Services(Config(data_dir=str(tmp_path / "data")))
    admin = services.accounts.users.actor(1, means="test")
    assert admin is not None
    services.indexes.create(admin, INDEX)
    services.close()
    return tmp_path / "data"


def test_a_triggers_life(tapiary: Run, data: Path, tmp_path: Path) -> None:
    assert "there are no triggers" in tapiary("trigger", "list").err
    (tmp_path / "t.json").write_text(json.dumps(TRIGGER))
    made = tapiary("trigger", "create", tmp_path / "t.json", "--user", "admin")
    assert (made.code, made.out) == (0, ""), made.err
    listed = tapiary("trigger", "list").out
    assert [word in listed for word in ("many", "admin", "High", "yes")] == [True] * 4
    shown = json.loads(tapiary("trigger", "show", "many").out)
    assert {name: shown[name] for name in TRIGGER} == TRIGGER
    assert tapiary("trigger", "list", "--json").objects() == [shown]
    rows = [{"timestamp": int(time.time() * 1000) - n, "n": n} for n in (7, 5, 9)]
    injected = tapiary("inject", "events", "-", "-f", "json", stdin=json.dumps(rows).encode())
    assert injected.code == 0, injected.err
    tried = tapiary("trigger", "run", shown["id"])
    assert [alert["name"] for alert in tried.objects()] == ["n is 9", "n is 7"]
    assert "2 alerts of 2 rows" in tried.err
    assert "no such alerts" in tapiary("alerts").err
    services = Services(Config(data_dir=str(data)))
    assert services.triggers.runner.once() == 2
    services.close()
    (newest, _) = tapiary("alerts", "--json").objects()
    assert (newest["name"], newest["severity"], newest["fields"]["n"]) == ("n is 7", "High", 7)
    assert "n is 9" in tapiary("alerts", "--unseen", "--severity", "high").out
    assert tapiary("alerts", "--severity", "Low").out == ""
    assert tapiary("trigger", "delete", "many").code == 0
    assert tapiary("trigger", "list").out == ""
    assert len(tapiary("alerts", "--json").objects()) == 2


@pytest.mark.usefixtures("data")
@pytest.mark.parametrize(
    ("stdin", "words"),
    [(b"{", "no JSON"), (b"[]", "one JSON object"), (b'{"name": "x"}', "query: is missing"), (b"\xff", "no JSON"),
     (b'{"name": "x", "query": "src stream=\\"none\\""}', "none")],
)
def test_a_file_that_is_no_trigger(tapiary: Run, stdin: bytes, words: str) -> None:
    done = tapiary("trigger", "create", "-", "--user", "admin", stdin=stdin)
    assert done.code != 0
    assert words in done.err
    assert tapiary("trigger", "list").out == ""


@pytest.mark.usefixtures("data")
def test_what_is_not_there(tapiary: Run) -> None:
    for command in (("show",), ("run",), ("delete",)):
        done = tapiary("trigger", *command, "nothing")
        assert done.code != 0
        assert "there is no trigger 'nothing'" in done.err
    assert "nobody" in tapiary("trigger", "create", "-", "--user", "nobody", stdin=b"{}").err
