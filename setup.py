"""The C engine's build; everything else is in pyproject.toml."""

from glob import glob

from setuptools import Extension, setup

setup(
    ext_modules=[
        Extension(
            "alogd._engine",
            sources=sorted(path for path in glob("engine_c/*.c") if "fuzz" not in path and "main" not in path),
            depends=glob("engine_c/*.h"),
            include_dirs=["engine_c"],
            define_macros=[("Py_LIMITED_API", "0x030B0000")],
            extra_compile_args=["-std=c11", "-O3", "-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-fvisibility=hidden"],
            py_limited_api=True,
        )
    ],
    options={"bdist_wheel": {"py_limited_api": "cp311"}},
)
