"""The front door that `alogd` and `alog-detect` share: imports the command called, turns failures into exit codes.

Nothing heavy is imported here, so that `--help` and shell completion answer at once.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from importlib import import_module
from types import ModuleType

from alogd import __version__
from alogd.cli.failures import BAD_CONFIG, INTERRUPTED, OK, USAGE, cause


@dataclass(frozen=True, slots=True)
class Program:
    """A program of commands; the module of one is `package`.name, with `arguments` and `main`."""

    name: str
    package: str
    commands: tuple[tuple[str, str, str], ...]  # one line a command: its group, name and what it does
    about: str
    examples: str

    @property
    def names(self) -> list[str]:
        """Of all commands, in order."""
        return [name for _, name, _ in self.commands]


def help_text(program: Program) -> str:
    """What `--help` prints: the commands in groups, examples, exit codes."""
    lines, group, wide = [program.about.rstrip()], "", max(map(len, program.names)) + 2
    for heading, name, what in program.commands:
        if heading != group:
            lines.append(f"\n{heading}")
            group = heading
        lines.append(f"  {name:<{max(12, wide)}}{what}")
    return "\n".join(lines) + "\n" + program.examples


def run(program: Program, arguments: Sequence[str] | None = None) -> int:
    """Run one command line; the exit code. Failures end as one line on standard error."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    _open_standard_streams()
    try:
        code = _dispatch(program, words)
        sys.stdout.flush()
        return code
    except BrokenPipeError:  # `alogd ... | head`: the reader has what it wanted
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return OK
    except KeyboardInterrupt:
        return INTERRUPTED
    except Exception as error:
        if (message := _failure(program, error)) is None:
            raise
        print(message[1], file=sys.stderr)
        return message[0]


def _open_standard_streams() -> None:
    """Point what was closed (`>&-`) at /dev/null, or the next file opened would become standard output."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            if os.open(os.devnull, os.O_RDWR) == number:  # the lowest number that is free, so this one
                setattr(sys, name, open(number, "r+" if number == 0 else "w", closefd=False))  # noqa: SIM115


def _dispatch(program: Program, words: list[str]) -> int:
    if not words or words[0] in ("-h", "--help", "help"):
        print(help_text(program), end="")
        return OK if words else USAGE
    name, *rest = words
    if name in ("-V", "--version"):
        name = "version"
    if name == "version" and name not in program.names:
        print(f"{program.name} {__version__}")
        return OK
    if name not in program.names:
        return _unknown(program, name)
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # or numpy starts a thread a core, for products too small for it
    module, parser = command(program, name)
    parse = parser.parse_intermixed_args if getattr(module, "IS_MIXED", False) else parser.parse_args
    return int(module.main(parse(rest)))


def command(program: Program, name: str) -> tuple[ModuleType, argparse.ArgumentParser]:
    """The module of a command, and the parser of its arguments."""
    module = import_module(f"{program.package}.{name.replace('-', '_')}")
    parser = argparse.ArgumentParser(
        prog=f"{program.name} {name}",
        description=module.__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    module.arguments(parser)
    return module, parser


def _unknown(program: Program, name: str) -> int:
    close = get_close_matches(name, program.names, n=1)
    hint = f'did you mean "{close[0]}"?' if close else f"there are: {', '.join(program.names)}"
    print(f"{program.name}: no command {name!r}; {hint}", file=sys.stderr)
    return USAGE


def _failure(program: Program, error: Exception) -> tuple[int, str] | None:
    """Exit code and message of a failure a person can act upon; None for a bug, which keeps its traceback."""
    from alogd.config.nodes import ConfigError

    if isinstance(error, ConfigError):
        return BAD_CONFIG, str(error)
    known = cause(error)
    return (known[0], f"{program.name}: {known[1]}") if known else None
