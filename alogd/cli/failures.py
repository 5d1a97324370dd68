"""What ends a command with one line instead of a traceback, and the exit code each stands for."""

from __future__ import annotations

OK, FAILED, USAGE, BAD_DATA, BAD_CONFIG, INTERRUPTED = 0, 1, 2, 65, 78, 130


def cause(error: Exception) -> tuple[int, str] | None:
    """Exit code and one line for a failure a person can act upon; None for a bug."""
    if (code := getattr(error, "exit_code", None)) is not None:  # Failed and its kin, and an unusable state
        return int(code), str(error)
    if isinstance(error, OSError):
        name = f"{error.filename}: " if error.filename else ""
        return FAILED, f"{name}{(error.strerror or str(error)).lower()}"
    return None


class Failed(Exception):
    """It could not be done."""

    exit_code = FAILED


class Usage(Failed):
    """The command line asks for something that makes no sense."""

    exit_code = USAGE


class NoConfig(Failed):
    """There is no configuration where one was looked for."""

    exit_code = BAD_CONFIG


class Unusable(Failed):
    """The configuration asks for what is not there."""

    exit_code = BAD_CONFIG


class BadData(Failed):
    """The input cannot be used."""

    exit_code = BAD_DATA
