"""The scripts that come with the program: what they are called, what they do, and their text."""

from __future__ import annotations

from dataclasses import dataclass

_TEXT = """#!/bin/sh
# {summary}
# Comes with Tapiary and is kept up to date by it. The work is done by a module of Tapiary's, hence this script needs
# the program's own Python, which sandboxes made by bubblewrap have.
if [ -z "$SCRIPT_PYTHON" ]; then
    echo "this script needs Tapiary's own Python, which this sandbox lacks: set scripts.sandbox to bubblewrap" >&2
    exit 3
fi
exec "$SCRIPT_PYTHON" -m tapiary.services.scripts.tools.{module} "$@"
"""


@dataclass(frozen=True, slots=True)
class ShippedScript:
    """One script that comes with the program; `module` is the file of `tools` that does its work."""

    name: str
    description: str
    module: str

    @property
    def contents(self) -> str:
        """The script's text."""
        return _TEXT.format(summary=self.description.split(". ")[0], module=self.module)


SHIPPED = (
    ShippedScript(
        "anonymise",
        "Replaces all IP addresses by Crypto-PAn, empties hardware addresses and drops payloads. "
        "Arguments: keep-payload, key=HEX (64 digits; random without), mac=keyed.",
        "anonymise",
    ),
    ShippedScript(
        "headers",
        "Cuts every packet to its headers up to the transport layer. "
        "Argument: how many bytes of payload to keep (0).",
        "headers",
    ),
    ShippedScript(
        "dataset",
        "Writes a data set of labelled flows as Parquet with a manifest. "
        "Arguments: csv (CSV as well), personal (addresses and names stay in).",
        "dataset",
    ),
)
