"""What the licences of geographic data ask to be shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

#: The file beside the data, one line a file: its name, a colon, the text. Written by `tapiary.enrich.fetch`.
ATTRIBUTION_FILE = "ATTRIBUTION.txt"

#: For files that came without such a line, by what their metadata calls them.
_BY_TYPE = (
    ("dbip", "IP geolocation by DB-IP, https://db-ip.com (CC BY 4.0)"),
    ("geolite2", "This product includes GeoLite Data created by MaxMind, available from https://www.maxmind.com"),
    ("geoip2", "GeoIP data by MaxMind, https://www.maxmind.com"),
    ("ipinfo", "IP address data powered by IPinfo, https://ipinfo.io"),
)


def attribution_of(path: Path, database_type: str) -> str | None:
    """The text to show for a file, None when nothing is known to be asked for."""
    try:
        lines = (path.parent / ATTRIBUTION_FILE).read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        lines = []
    for line in lines:
        name, _, text = line.partition(": ")
        if name == path.name and text:
            return text.strip()
    kind = database_type.lower().replace("-", "")
    return next((text for word, text in _BY_TYPE if word in kind), None)
