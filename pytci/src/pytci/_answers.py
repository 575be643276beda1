"""What an answer says, also of an error: hives answer in JSON, web frameworks and proxies in HTML."""

from __future__ import annotations

import html
import json
import re
from http import HTTPStatus
from typing import Any

import httpx

from pytci.errors import (
    APIError,
    BadRequest,
    Conflict,
    Forbidden,
    NotFound,
    RateLimited,
    ServerError,
    Unauthorized,
    UnexpectedAnswer,
)

_CLASSES: dict[int, type[APIError]] = {
    400: BadRequest,
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    429: RateLimited,
}
#: Characters of a page that is no JSON which an error message repeats at most.
MAX_TEXT = 300


def content_of(response: httpx.Response) -> Any:
    """The JSON of an answer; None when it has no body. UnexpectedAnswer when it is no JSON."""
    if not response.content:
        return None
    try:
        return json.loads(response.content)
    except ValueError:
        kind = mime(response) or "something without a type"
        raise UnexpectedAnswer(
            f"{_where(response)} answered with {kind} instead of JSON; is this the address of a hive?"
        ) from None


def error_of(response: httpx.Response) -> APIError:
    """The error that an answer of 400 and above means; of 300 and above too, as nobody follows redirections here."""
    status = response.status_code
    kind = _CLASSES.get(status) or (ServerError if status >= 500 else APIError)
    try:
        phrase = HTTPStatus(status).phrase.lower()
    except ValueError:
        phrase = "error"
    if 300 <= status < 400:
        target = response.headers.get("location", "elsewhere")
        return kind(status, phrase, f"{_where(response)} sends us on to {target}; give that address instead", response)
    error, message = _words(response)
    return kind(status, error or phrase, message or phrase, response)


def _words(response: httpx.Response) -> tuple[str, str]:
    """The short word and the message, as far as there are any."""
    kind = mime(response)
    if kind.endswith("json"):
        try:
            data = json.loads(response.content)
        except ValueError:
            data = None
        if isinstance(data, dict):
            error = data.get("error")
            message = data.get("message") or data.get("msg") or ""
            return (error if isinstance(error, str) else ""), _one_line(str(message))
    if kind in ("text/html", "application/xhtml+xml"):
        return "", _of_page(response.text)
    return "", _one_line(response.text)[:MAX_TEXT]


def _of_page(page: str) -> str:
    """What a page of a web framework or proxy says: its paragraphs, else its heading or title."""
    page = re.sub(r"(?is)<(script|style)\b.*?</\1>", "", page)
    for tag in ("p", "h1", "title"):
        found = re.findall(rf"(?is)<{tag}\b[^>]*>(.*?)(?=</{tag}>|<p\b|</body>|$)", page)
        text = _one_line(" ".join(html.unescape(re.sub(r"(?s)<[^>]*>", "", each)) for each in found))
        if text:
            return text[:MAX_TEXT]
    return ""


def _one_line(text: str) -> str:
    """Text without line breaks and without what would steer a terminal."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def mime(response: httpx.Response) -> str:
    """The answer's type without parameters, in lower case; empty when it has none."""
    kind: str = response.headers.get("content-type", "")
    return kind.partition(";")[0].strip().lower()


def _where(response: httpx.Response) -> str:
    url = response.request.url
    return f"{url.scheme}://{url.netloc.decode('ascii', 'replace')}{url.path}"
