"""The first line of a script: which interpreter it is for, and hence of what type it is."""

from __future__ import annotations

import re
from dataclasses import dataclass

from tapiary.errors import InvalidInput

#: What scripts may be written for, and the type that is told of them; the words are those of file(1).
INTERPRETERS = {
    "sh": "text/x-shellscript", "bash": "text/x-shellscript", "dash": "text/x-shellscript",
    "python3": "text/x-script.python",
}
#: Largest script, in bytes: TCI's files are below 1 MiB.
MAX_BYTES = (1 << 20) - 1

_PLAIN = re.compile(r"[A-Za-z0-9_.,=+-]+")


@dataclass(frozen=True, slots=True)
class Shebang:
    """An interpreter by its bare name, found by PATH where the script runs, and the options for it."""

    interpreter: str
    options: tuple[str, ...]

    @property
    def filetype(self) -> str:
        """The script's media type."""
        return INTERPRETERS[self.interpreter]


def read_script(contents: bytes, field: str = "file_contents") -> tuple[str, Shebang]:
    """The text of a script and its first line's meaning; raises InvalidInput when it is no script that we run."""
    if len(contents) > MAX_BYTES:
        raise _bad("must be smaller than 1 MiB", field)
    try:
        text = contents.decode("utf-8")
    except UnicodeDecodeError:
        raise _bad("must be a script, that is text in UTF-8", field) from None
    if "\0" in text:
        raise _bad("must be a script, that is text without zero bytes", field)
    first = text.split("\n", 1)[0]
    if first.endswith("\r"):
        raise _bad("has lines that end as on Windows (CR LF), which no interpreter understands; use LF alone", field)
    return text, _parse(first, field)


def _parse(line: str, field: str) -> Shebang:
    """Reads `#!/bin/sh -e`, `#!/usr/bin/env python3`, `#!/usr/bin/env -S bash -e`."""
    known = ", ".join(INTERPRETERS)
    words = line[2:].split() if line.startswith("#!") else []
    if not words:
        raise _bad(f"must begin with a line as #!/bin/sh that names its interpreter: {known}", field)
    if words[0].rsplit("/", 1)[-1] == "env":
        words = words[1:]
        if words[:1] == ["-S"]:
            words = words[1:]
    name = words[0].rsplit("/", 1)[-1] if words else ""
    if name not in INTERPRETERS:
        raise _bad(f"is for the interpreter {name!r}; scripts are for {known}", field)
    options = tuple(words[1:])
    if not all(_PLAIN.fullmatch(option) and option.startswith("-") for option in options):
        raise _bad("its first line has more than an interpreter and plain options for it", field)
    return Shebang(name, options)


def _bad(reason: str, field: str) -> InvalidInput:
    return InvalidInput(f"{field}: {reason}", field=field)
