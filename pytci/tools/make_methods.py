"""Writes the methods of `PyTCI` and `AsyncPyTCI` from the calls that src/pytci/_calls/ describes.

    python tools/make_methods.py            write src/pytci/_sync/ and _async/
    python tools/make_methods.py --check    end with 1 when they are not what would be written

Written out, they have signatures and docstrings that editors and type checkers see.
"""

from __future__ import annotations

import ast
import sys
import textwrap
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent.parent / "src" / "pytci"
AREAS = (
    "session", "jobs", "files", "queries", "alerts", "drones", "scripts", "destinations", "users", "applications",
    "logs",
)
NOTE = "# Written by tools/make_methods.py: change the calls that it follows from, then run it.\n"
WIDTH = 120


class Area:
    """A module of calls."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.tree = ast.parse((PACKAGE / "_calls" / f"{name}.py").read_text(encoding="utf-8"))
        self.functions = [
            node for node in self.tree.body if isinstance(node, ast.FunctionDef) and not node.name.startswith("_")
        ]

    def render(self, awaits: bool) -> str:
        """The module of methods."""
        methods = "\n".join(self._method(function, awaits) for function in self.functions)
        runner = "AsyncRunner" if awaits else "SyncRunner"
        doc = ast.get_docstring(self.tree)
        parts = [NOTE, f'"""{doc}"""\n\n', "from __future__ import annotations\n\n", self._imports(runner)]
        parts += [f"\n\nclass {self.name.title()}({runner}):\n", f'    """{doc}"""\n\n', methods]
        return "".join(parts).rstrip() + "\n"

    def _method(self, function: ast.FunctionDef, awaits: bool) -> str:
        arguments = function.args
        head = "    async def" if awaits else "    def"
        returns = ast.unparse(_result(function))
        shown = [ast.unparse(each) for each in function.decorator_list]
        decorators = "".join(f"    @{each}\n" for each in shown)
        signature = self._signature(f"{head} {function.name}", arguments, returns)
        if "overload" in shown:
            return f"{decorators}{signature} ...\n"
        doc = ast.get_docstring(function, clean=True) or ""
        quoted = f'"""{doc}\n"""' if "\n" in doc else f'"""{doc}"""'
        body = textwrap.indent(quoted, " " * 8, lambda line: bool(line.strip()))
        word = "await " if awaits else ""
        given = [each.arg for each in arguments.args]
        given += [f"{each.arg}={each.arg}" for each in arguments.kwonlyargs]
        given += [f"**{arguments.kwarg.arg}"] if arguments.kwarg else []
        call = self._wrapped(f"        return {word}self._run(_calls.{function.name}(", given, "))", " " * 8)
        return f"{decorators}{signature}\n{body}\n{call}\n"

    def _signature(self, head: str, arguments: ast.arguments, returns: str) -> str:
        shown = ["self"]
        padding: list[ast.expr | None] = [None] * (len(arguments.args) - len(arguments.defaults))
        for each, default in zip(arguments.args, [*padding, *arguments.defaults]):
            shown.append(_parameter(each, default))
        if arguments.kwonlyargs:
            shown.append("*")
        for each, default in zip(arguments.kwonlyargs, arguments.kw_defaults):
            shown.append(_parameter(each, default))
        if arguments.kwarg:
            shown.append("**" + _parameter(arguments.kwarg, None))
        return self._wrapped(f"{head}(", shown, f") -> {returns}:", "    ")

    @staticmethod
    def _wrapped(head: str, items: list[str], tail: str, indent: str) -> str:
        line = head + ", ".join(items) + tail
        if len(line) <= WIDTH:
            return line
        inner = "".join(f"{indent}    {item},\n" for item in items)
        return f"{head}\n{inner}{indent}{tail}"

    def _imports(self, runner: str) -> str:
        """Imports of the names that the signatures mention, from where the calls have them."""
        used: set[str] = set()
        for function in self.functions:
            every = [*function.args.args, *function.args.kwonlyargs]
            every += [function.args.kwarg] if function.args.kwarg else []
            parts: list[ast.AST] = [each.annotation for each in every if each.annotation]
            parts += [*function.args.defaults, *[d for d in function.args.kw_defaults if d], _result(function)]
            parts += function.decorator_list
            used |= {node.id for part in parts for node in ast.walk(part) if isinstance(node, ast.Name)}
        lines, ours = [], [("pytci._calls", [f"{self.name} as _calls"]), ("pytci._runners", [runner])]
        own = [
            target.id
            for node in self.tree.body
            if isinstance(node, ast.Assign)
            for target in node.targets
            if isinstance(target, ast.Name) and target.id in used
        ]
        if own:
            ours.append((f"pytci._calls.{self.name}", own))
        for node in self.tree.body:
            if isinstance(node, ast.Import):
                lines += [f"import {a.name}\n" for a in node.names if a.name.partition(".")[0] in used]
            elif isinstance(node, ast.ImportFrom) and node.module and node.module != "__future__":
                names = [a.name for a in node.names if (a.asname or a.name) in used]
                if names and node.module.startswith("pytci"):
                    ours.append((node.module, names))
                elif names:
                    lines.append(f"from {node.module} import {', '.join(names)}\n")
        lines.sort(key=lambda line: (line.startswith("from"), line))
        own_lines = [f"from {module} import {', '.join(sorted(names))}\n" for module, names in sorted(ours)]
        return "".join(lines) + ("\n" if lines else "") + "".join(own_lines)


def _result(function: ast.FunctionDef) -> ast.expr:
    """X of the annotation Plan[X]."""
    annotation = function.returns
    if not (isinstance(annotation, ast.Subscript) and ast.unparse(annotation.value) == "Plan"):
        raise SystemExit(f"{function.name} must return a Plan")
    return annotation.slice


def _parameter(argument: ast.arg, default: ast.expr | None) -> str:
    if argument.annotation is None:
        raise SystemExit(f"{argument.arg} has no type")
    shown = f"{argument.arg}: {ast.unparse(argument.annotation)}"
    return shown if default is None else f"{shown} = {ast.unparse(default)}"


def rendered() -> dict[Path, str]:
    """Every file and what belongs into it."""
    found = {}
    for folder, awaits, what in (("_sync", False, "wait for"), ("_async", True, "are awaited for")):
        for name in AREAS:
            found[PACKAGE / folder / f"{name}.py"] = Area(name).render(awaits)
        imports = "".join(f"from pytci.{folder}.{name} import {name.title()}\n" for name in sorted(AREAS))
        names = ", ".join(name.title() for name in AREAS)
        found[PACKAGE / folder / "__init__.py"] = (
            f'{NOTE}"""The methods that {what} the hive\'s answers."""\n\n'
            f"from __future__ import annotations\n\n{imports}\n"
            f'__all__ = ["Methods"]\n\n\nclass Methods({names}):\n    """All of them."""\n'
        )
    return found


def main() -> int:
    """Write, or look."""
    files = rendered()
    stale = [path for path, text in files.items() if not path.exists() or path.read_text(encoding="utf-8") != text]
    if "--check" in sys.argv[1:]:
        for path in stale:
            print(f"{path} is stale: run tools/make_methods.py", file=sys.stderr)
        return 1 if stale else 0
    for path in stale:
        path.parent.mkdir(exist_ok=True)
        path.write_text(files[path], encoding="utf-8")
        print(f"wrote {path.relative_to(PACKAGE.parent)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
