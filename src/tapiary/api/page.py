"""The page at `/`: what is there and where to begin."""

from __future__ import annotations

import re
from collections.abc import Iterable
from html import escape

from tapiary import __version__

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Tapiary</title>
<style>
body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 46rem; margin: 3rem auto; padding: 0 1rem;
  color: #222; background: #fff }}
h1 {{ margin-bottom: 0 }} small {{ color: #666 }} a {{ color: #0b57d0 }}
pre {{ background: #f3f3f3; padding: .8rem 1rem; overflow-x: auto; border-radius: 6px }}
@media (prefers-color-scheme: dark) {{
  body {{ color: #ddd; background: #1b1b1b }} pre {{ background: #2a2a2a }} a {{ color: #8ab4f8 }}
}}
</style>
</head>
<body>
<h1>Tapiary</h1>
<small>version {version}</small>
<p>From packet captures to labelled, enriched flows. This server has the Tractor REST API
under <code>/api/v1</code>.</p>
<ul>
<li><a href="/openapi/swagger">The API, to read and to try</a>
(<a href="/openapi/openapi.json">OpenAPI 3.1 document</a>)</li>
<li><a href="/health">Health</a></li>
</ul>
<p>Every request needs a token. Make one on the server's machine:</p>
<pre>{steps}</pre>
<small>{attribution}Labels: <a href="https://github.com/ntop/nDPI">nDPI</a>.</small>
</body>
</html>
"""
_STEPS = """tapiary token create me
export TOKEN=tap_…
curl -H "Authorization: Bearer $TOKEN" --data-binary @trace.pcap 'http://HOST/api/v1/files/upload?name=trace.pcap'
curl -H "Authorization: Bearer $TOKEN" http://HOST/api/v1/files/list
curl -H "Authorization: Bearer $TOKEN" http://HOST/api/v1/file/1/statistics"""


def root_page(attribution: Iterable[str] = ()) -> str:
    """The page as HTML; it loads nothing from anywhere. attribution: what the geographic data ask to be shown."""
    lines = "".join(f"{_linked(escape(text))}.<br>\n" for text in attribution)
    return _PAGE.format(version=escape(__version__), steps=escape(_STEPS), attribution=lines)


def _linked(text: str) -> str:
    """Escaped text with its addresses as links."""
    return re.sub(r"https?://[^\s,;()]+", r'<a href="\g<0>">\g<0></a>', text)
