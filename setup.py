"""The compiled core of the meter and the wheel of PyTCI, which pyproject.toml cannot describe; all else stands there.

TAPIARY_NATIVE says what to do with it: ``required`` (stop when it cannot be built), ``off`` (leave it out: a
probe that only captures has no use for it), or unset: leave it out, with a warning, only where there is no C compiler.
"""

import os
import runpy
import shutil
import sys
import sysconfig
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.command.build_py import build_py

METER = Path("src/tapiary/meter")
DOOR = METER / "_native.pyx"


def compiler() -> str | None:
    """The path of the C compiler that setuptools will call, None when there is none."""
    words = (os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc").split()
    return shutil.which(words[0])


def wanted() -> bool:
    """Whether to build the core; ends the installation with a message when it is required and cannot be."""
    mode = os.environ.get("TAPIARY_NATIVE", "")
    if mode == "off" or not DOOR.exists():
        return False
    lacking = []
    if os.name == "posix":
        if compiler() is None:
            if mode != "required":
                print("warning: no C compiler: tapiary is installed without its meter", file=sys.stderr)
                return False
            lacking.append("a C compiler (Debian: apt install gcc; macOS: xcode-select --install)")
        if not (Path(sysconfig.get_path("include")) / "Python.h").exists():
            where = sysconfig.get_path("include")
            lacking.append(f"Python's header files in {where} (Debian: apt install python3-dev)")
    if lacking:
        sys.exit("tapiary's meter is compiled from source and needs " + " and ".join(lacking))
    return True


class BuildNative(build_ext):
    """Compiles the core with the flags that the compiler at hand understands."""

    def build_extensions(self) -> None:
        if self.compiler.compiler_type == "msvc":
            flags = ["/O2", "/std:c11"]
        else:
            # A return by value that was read through a cast pointer was miscompiled once: hence the error.
            flags = ["-O3", "-std=c11", "-pthread", "-fvisibility=hidden", "-Werror=maybe-uninitialized",
                     "-Wno-unknown-warning-option"]
        for extension in self.extensions:
            extension.extra_compile_args = flags
        super().build_extensions()


def extensions() -> list[Extension]:
    """The one extension module, or none."""
    if not wanted():
        return []
    from Cython.Build import cythonize

    sources = sorted(str(path) for path in (METER / "native").glob("*.c"))
    headers = sorted(str(path) for path in (METER / "native").glob("*.h"))
    native = Extension(
        "tapiary.meter._native",
        [str(DOOR), *sources],
        include_dirs=[str(METER / "native")],
        depends=headers,
        define_macros=[("_GNU_SOURCE", "1")],
        extra_link_args=["-pthread"] if os.name == "posix" else [],
    )
    return cythonize([native], build_dir="build/cython", language_level=3)


class BuildPython(build_py):
    """Adds the wheel of PyTCI, which the hive serves to its users."""

    def run(self) -> None:
        super().run()
        tool = runpy.run_path("tools/build_pytci_wheel.py")
        tool["build"](Path("src" if self.editable_mode else self.build_lib) / tool["PLACE"])


setup(ext_modules=extensions(), cmdclass={"build_ext": BuildNative, "build_py": BuildPython})
