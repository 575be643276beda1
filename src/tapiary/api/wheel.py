"""/pytci: the wheel of the Python client, for users of this server; the name belongs to another project on PyPI.

`pip install` takes the wheel's address, or /pytci/simple/ as its index (PEP 503), which sends it on to PyPI for what
the client depends on. Nothing here needs a login: there is nothing of the users in it.
"""

from __future__ import annotations

import hashlib
import re
from functools import lru_cache
from html import escape
from pathlib import Path

from flask import Blueprint, Flask, Response, redirect, send_file, url_for
from werkzeug.wrappers import Response as BaseResponse

from tapiary.errors import NotFound

#: Where setup.py and tools/build_pytci_wheel.py put it.
FOLDER = Path(__file__).parent / "wheels"
PROJECT = "pytci"
REQUIRES_PYTHON = ">=3.9"
#: Where pip finds the other projects.
ELSEWHERE = "https://pypi.org/simple/"

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="pypi:repository-version" content="1.0">
<title>{title}</title>
</head>
<body>
<h1>{title}</h1>
{body}
</body>
</html>
"""


def register(app: Flask) -> None:
    """Add the routes to the app."""
    blueprint = Blueprint("wheel", __name__, url_prefix="/pytci")
    blueprint.add_url_rule("/", "page", page)
    blueprint.add_url_rule("/simple/", "index", index)
    blueprint.add_url_rule("/simple/<name>/", "project", project)
    blueprint.add_url_rule("/<name>", "file", file)
    app.register_blueprint(blueprint)


def page() -> Response:
    """The wheel, and how to install it."""
    address = url_for("wheel.file", name=_wheel().name, _external=True)
    words = f"<p>The Python client of this server:</p>\n<pre>pip install {escape(address)}</pre>\n"
    return _html("PyTCI", words + _link())


def index() -> Response:
    """The projects that are here: one."""
    return _html("Simple index", f'<a href="{escape(url_for("wheel.project", name=PROJECT))}">{PROJECT}</a>')


def project(name: str) -> BaseResponse:
    """The files of a project (PEP 503); those of others are elsewhere."""
    if name.lower() == PROJECT:
        return _html(f"Links for {PROJECT}", _link())
    if not re.fullmatch(r"[A-Za-z0-9._-]+", name):
        raise NotFound(f"name: there is no project {name!r}", field="name")
    return redirect(f"{ELSEWHERE}{name}/")


def file(name: str) -> Response:
    """The wheel itself."""
    wheel = _wheel()
    if name != wheel.name:
        raise NotFound(f"name: there is no {name!r} here, but {wheel.name}", field="name")
    return send_file(wheel, "application/octet-stream", as_attachment=True, download_name=name, max_age=0)


def _wheel() -> Path:
    """The wheel of this release. Raises NotFound in a checkout where none was built."""
    found = max(FOLDER.glob(f"{PROJECT}-*.whl"), key=lambda path: path.stat().st_mtime, default=None)
    if found is None:
        raise NotFound("this server has no wheel of PyTCI; in a checkout, `python -m tools.build_pytci_wheel` makes it")
    return found


def _link() -> str:
    wheel = _wheel()
    address = f"{url_for('wheel.file', name=wheel.name)}#sha256={_digest(wheel, wheel.stat().st_mtime_ns)}"
    return f'<a href="{escape(address)}" data-requires-python="{escape(REQUIRES_PYTHON)}">{escape(wheel.name)}</a>'


@lru_cache(maxsize=1)
def _digest(path: Path, _changed: int) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _html(title: str, body: str) -> Response:
    return Response(_PAGE.format(title=escape(title), body=body), mimetype="text/html")
