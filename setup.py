"""The C engine's build; everything else is in pyproject.toml.

Where it cannot be compiled (no compiler, no Python headers) alogd is installed without it, and says so: streams
then run on drain3, which is some hundred times slower. A compiler that is there must succeed.
"""

import os
import shlex
import shutil
import sys
import sysconfig
from glob import glob
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

# Small functions in files of their own are inlined across files: 10-20 %. Sanitizers want it otherwise.
OPTIMISED = os.environ.get("ALOGD_CFLAGS", "-O3 -flto=auto").split()
WARNINGS = ["-Wall", "-Wextra", "-Wconversion", "-Wshadow"]


def missing() -> str | None:
    """What keeps the engine from being compiled, and what to do about it."""
    compiler = shlex.split(sysconfig.get_config_var("CC") or "cc")[0]
    if shutil.which(compiler) is None and shutil.which("cc") is None:
        return f"no C compiler ({compiler}); on Debian: apt install gcc libc6-dev"
    if not Path(sysconfig.get_path("include"), "Python.h").exists():
        return "no Python headers; on Debian: apt install python3-dev"
    return None


class Build(build_ext):
    """The engine calls nothing in libpython, so no path of the Python it was built with belongs into it."""

    def build_extensions(self) -> None:
        linker = self.compiler.linker_so
        self.compiler.set_executables(linker_so=[word for word in linker if not word.startswith("-Wl,-rpath")])
        super().build_extensions()


def sources() -> list[str]:
    """The engine's C files, without the programs (fuzz targets, alog-infer) beside them."""
    return sorted(path for path in glob("engine_c/*.c") if not path.startswith(("engine_c/fuzz_", "engine_c/infer_")))


def extensions() -> list[Extension]:
    """The extension, or nothing where it cannot be built."""
    if reason := missing():
        print(f"alogd: built without its C engine: {reason}", file=sys.stderr)
        return []
    return [
        Extension(
            "alogd._engine",
            sources=sources(),
            depends=glob("engine_c/*.h"),
            include_dirs=["engine_c"],
            define_macros=[("Py_LIMITED_API", "0x030B0000")],
            extra_compile_args=["-std=c11", *OPTIMISED, *WARNINGS, "-fvisibility=hidden"],
            extra_link_args=OPTIMISED,
            libraries=["m"],
            py_limited_api=True,
        )
    ]


setup(
    cmdclass={"build_ext": Build},
    ext_modules=extensions(),
    options={"bdist_wheel": {"py_limited_api": "cp311"}} if not missing() else {},
)
