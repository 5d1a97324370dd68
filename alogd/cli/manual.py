"""The man pages, made from `--help` and the configuration's schema: `python -m alogd.cli.manual DIRECTORY`.

They are kept in man/ and say the same on every host: nothing is laid out here that troff does itself.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from alogd import __version__
from alogd.cli import manual_infer
from alogd.cli.front import Program, command

DATE = "2026-11-23"  # of the form of these pages; a date of building would differ from host to host
SEE = {
    "alogd.1": ("alog-detect(1)", "alog-infer(1)", "alogd.yaml(5)", "journalctl(1)"),
    "alog-detect.1": ("alogd(1)", "alog-infer(1)"),
    "alog-infer.1": ("alogd(1)", "alog-detect(1)"),
    "alogd.yaml.5": ("alogd(1)",),
}


def pages() -> dict[str, str]:
    """File name -> text of every page."""
    from alogd.cli.main import PROGRAM as DAEMON
    from alogd.offline.main import PROGRAM as OFFLINE

    return {
        "alogd.1": _program(DAEMON, "learns what logs usually say, and tells when they say something else"),
        "alog-detect.1": _program(OFFLINE, "analyses logs at rest"),
        "alog-infer.1": _infer(),
        "alogd.yaml.5": _configuration(),
    }


def text(plain: str) -> str:
    """Plain text as troff takes it: nothing in it is a request or an escape."""
    escaped = plain.replace("\\", "\\e").replace("-", "\\-").replace("^", "\\(ha").replace("~", "\\(ti")
    return "\n".join(f"\\&{line}" if line[:1] in (".", "'") else line for line in escaped.split("\n"))


def _head(name: str, section: int, what: str) -> list[str]:
    title = f'.TH {name.upper()} {section} {DATE} "alogd {__version__}" "alogd"'
    return [title, ".SH NAME", f"{text(name)} \\- {text(what)}"]


def _foot(page: str) -> list[str]:
    names = [entry.rstrip(")").split("(") for entry in SEE[page]]
    return [
        ".SH SEE ALSO",
        *(f".BR {text(name)} ({section})" + "," * (n < len(names)) for n, (name, section) in enumerate(names, 1)),
    ]


def _program(program: Program, what: str) -> str:
    lines = [*_head(program.name, 1, what), ".SH SYNOPSIS", f".B {text(program.name)}", ".I COMMAND", "[options]"]
    lines += [".SH DESCRIPTION", text(program.about.split("\n\n")[0]), ".SH COMMANDS"]
    for name, about in [(name, about) for _, name, about in program.commands]:
        lines += _command(program, name, about)
    for block in program.examples.strip("\n").split("\n\n"):
        heading, _, body = block.partition("\n")
        lines += [f".SH {text(heading.upper())}", *_verbatim(body.split("\n"))]
    return "\n".join([*lines, *_foot(f"{program.name}.1")]) + "\n"


def _infer() -> str:
    usage, about, examples, options, after = manual_infer.paragraphs()
    lines = [*_head("alog-infer", 1, "tells which lines of a log a trained DeepLog did not expect")]
    lines += [".SH SYNOPSIS", text(usage), ".SH DESCRIPTION", text(about)]
    for paragraph in after:
        lines += _prose(paragraph)
    lines.append(".SH OPTIONS")
    for names, value, help_text in options:
        bold = ", ".join(f"\\fB{text(name)}\\fR" for name in names.split(", "))
        lines += [".TP", f"{bold} \\fI{text(value)}\\fR" if value else bold, text(help_text)]
    lines += [".SH EXAMPLES", *_verbatim(examples)]
    return "\n".join([*lines, *_foot("alog-infer.1")]) + "\n"


def _command(program: Program, name: str, about: str) -> Iterator[str]:
    module, parser = command(program, name)
    yield f'.SS "{text(f"{program.name} {name}")}"'
    yield text(f"{about[0].upper()}{about[1:]}.")
    yield from _prose((module.__doc__ or "").strip("\n"))
    for action in parser._actions:
        if action.help != argparse.SUPPRESS and not isinstance(action, argparse._HelpAction):
            yield from _argument(parser, action)


def _argument(parser: argparse.ArgumentParser, action: argparse.Action) -> list[str]:
    value = "|".join(map(str, action.choices)) if action.choices is not None else action.metavar
    shown = " ".join(value) if isinstance(value, tuple) else str(value or action.dest.upper())
    names = ", ".join(f"\\fB{text(name)}\\fR" for name in action.option_strings)
    taken = "" if action.nargs == 0 else f"\\fI{text(shown)}\\fR"
    help_text = parser._get_formatter()._expand_help(action) if action.help else ""
    return [".TP", " ".join(filter(None, (names, taken))), text(help_text) or "\\&"]


def _prose(plain: str) -> Iterator[str]:
    """Paragraphs are filled; what is indented, or lines of its own form, stays as it was written."""
    for paragraph in plain.split("\n\n"):
        lines = paragraph.strip("\n").split("\n")
        kept = any(line.startswith(" ") or "  " in line.strip() for line in lines)
        yield ".PP"
        yield from _verbatim(lines) if kept else map(text, lines)


def _verbatim(lines: Sequence[str]) -> list[str]:
    return [".nf", *(text(line.rstrip()) or "\\&" for line in lines), ".fi"]


def _configuration() -> str:
    from alogd.config.schema import schema

    whole = schema()
    lines = [*_head("alogd.yaml", 5, "configuration of alogd"), ".SH DESCRIPTION"]
    lines += [
        text(
            "What alogd follows, how it judges and whom it tells: one YAML file, /etc/alogd/alogd.yaml unless another"
        ),
        "is named. It is strict: an unknown key is an error.",
        f".B {text('alogd check')}",
        text("names all errors at once. Durations are written 30s, 15m, 2h, 1d (or seconds), sizes 64KiB, 10MB (or"),
        "bytes).",
        ".SH KEYS",
        *_keys(whole, ""),
    ]
    for name, shape in whole["$defs"].items():
        lines += [f'.SH "{text(name.upper())}"', *_about(shape), *_shape(shape)]
    return "\n".join([*lines, *_foot("alogd.yaml.5")]) + "\n"


def _shape(shape: Mapping[str, Any]) -> Iterator[str]:
    """The keys of a mapping, or of each form it may have."""
    yield from _keys(shape, "")
    for form in shape.get("anyOf", ()):
        name = form.get("properties", {}).get("name", {}).get("const")
        if name:
            yield f'.SS "{text(f"name: {name}")}"'
            yield from _about(form["properties"]["options"]) or ["\\&"]
            yield from _keys(form["properties"]["options"], "options.")


def _about(shape: Mapping[str, Any]) -> list[str]:
    return [text(shape["description"])] if shape.get("description") else []


def _keys(shape: Mapping[str, Any], before: str) -> Iterator[str]:
    for key, value in shape.get("properties", {}).items():
        usual = f" Default: {_plain(value['default'])}." if value.get("default") not in (None, "", [], (), {}) else ""
        need = " Required." if key in shape.get("required", ()) else ""
        about = f"{value.get('description', '').rstrip('.')}." if value.get("description") else ""
        yield ".TP"
        yield f"\\fB{text(before + key)}\\fR (\\fI{text(_kind(value))}\\fR)"
        yield text(f"{about}{need}{usual}".strip()) or "\\&"
    for key, value in shape.get(
        "properties", {}
    ).items():  # after all keys: a subsection would swallow those that follow
        yield from _plugins(key, value)


def _plugins(key: str, value: Mapping[str, Any]) -> Iterator[str]:
    """The options of every kind of collector or sink."""
    for form in value.get("items", {}).get("anyOf", ()):
        kind = form.get("properties", {}).get("kind", {}).get("const")
        if kind:
            yield f'.SS "{text(f"{key}: kind: {kind}")}"'
            yield from _about(form) or ["\\&"]
            yield from _keys({**form, "properties": {k: v for k, v in form["properties"].items() if k != "kind"}}, "")


def _kind(value: Mapping[str, Any]) -> str:
    """What a value may be, in a few words."""
    if "$ref" in value:
        return "see " + str(value["$ref"]).rpartition("/")[2].upper()
    if "enum" in value:
        return " | ".join(map(_plain, value["enum"]))
    if "const" in value:
        return _plain(value["const"])
    if "anyOf" in value:
        kinds = dict.fromkeys(_kind(form) for form in value["anyOf"])
        return " | ".join(kind for kind in kinds if kind != "null")
    if value.get("type") == "array":
        return f"list of {_kind(value['items'])}"
    limits = [
        f"{word} {value[name]:g}"
        for name, word in (
            ("minimum", "from"),
            ("exclusiveMinimum", "above"),
            ("maximum", "to"),
            ("exclusiveMaximum", "below"),
        )
        if name in value
    ]
    if value.get("type") == "object":
        return "mapping"
    return " ".join([_unit(value), *limits])


def _unit(value: Mapping[str, Any]) -> str:
    pattern = str(value.get("pattern", ""))
    if value.get("type") == "string" and "ms|s|m" in pattern:
        return "duration"
    return "size" if "iB" in pattern or "]i?B" in pattern else str(value.get("type", "any"))


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {_plain(item)}" for key, item in value.items()) + "}"
    return "[" + ", ".join(map(_plain, value)) + "]" if isinstance(value, (list, tuple)) else str(value)


def main(arguments: Sequence[str]) -> int:
    """Write the pages into the directory named."""
    if len(arguments) != 1:
        print("usage: python -m alogd.cli.manual DIRECTORY", file=sys.stderr)
        return 2
    folder = Path(arguments[0])
    folder.mkdir(parents=True, exist_ok=True)
    for name, page in pages().items():
        (folder / name).write_text(page)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
