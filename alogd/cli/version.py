"""Version, engine and plugins."""

from __future__ import annotations

import argparse
import platform

from alogd import __version__, registry
from alogd.cli.output import add_output, emit


def arguments(parser: argparse.ArgumentParser) -> None:
    """Flags of `alogd version`."""
    add_output(parser)


def main(args: argparse.Namespace) -> int:
    """Print them."""
    facts = {
        "alogd": __version__,
        "python": platform.python_version(),
        "engine": "c" if _has_engine() else "drain3 (no compiled engine here)",
        **{kind: registry.names(kind) for kind in registry.BUILT_IN},
    }
    if args.output == "table":
        for name, value in facts.items():
            print(f"{name:<11}{', '.join(value) if isinstance(value, list) else value}")
    else:
        emit([facts], args.output)
    return 0


def _has_engine() -> bool:
    try:
        import alogd._engine  # noqa: F401
    except ImportError:
        return False
    return True
