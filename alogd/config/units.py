"""How values are written in a configuration: durations, sizes and ${NAME} from the environment.

Every function raises ValueError with a message that says what is accepted.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

_DURATION = re.compile(r"(?:[0-9]+(?:\.[0-9]+)? ?(?:ms|s|m|h|d|w) ?)+\Z")
_DURATION_PART = re.compile(r"([0-9]+(?:\.[0-9]+)?) ?(ms|s|m|h|d|w)")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
_SIZE = re.compile(r"([0-9]+(?:\.[0-9]+)?) ?(B|[KMG]i?B)\Z")
_BYTES = {"B": 1, "KB": 1000, "MB": 1000**2, "GB": 1000**3, "KiB": 1024, "MiB": 1024**2, "GiB": 1024**3}
_ENVIRONMENT = re.compile(r"\$(\$)?\{([^}]*)\}")
_NAME = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)(?::-(.*))?\Z", re.DOTALL)


def duration(text: str) -> float:
    """Seconds of "30s", "15m", "2h", "1d", "1h30m", "250ms"."""
    if len(text) > 64 or not _DURATION.match(text):
        raise ValueError(f'{text!r} is not a duration; write "30s", "15m", "2h", "1d" or a number of seconds')
    return sum(float(number) * _SECONDS[unit] for number, unit in _DURATION_PART.findall(text))


def size(text: str) -> int:
    """Bytes of "64KiB", "10MB", "512B"."""
    match = _SIZE.match(text) if len(text) <= 64 else None
    if not match:
        raise ValueError(f'{text!r} is not a size; write "64KiB", "10MiB" or a number of bytes')
    return round(float(match[1]) * _BYTES[match[2]])


def seconds_text(seconds: float) -> str:
    """A duration as a person writes it: 90 -> "1m30s", 604800 -> "7d"."""
    if 0 < seconds < 1:
        return f"{seconds * 1000:g}ms"
    parts, rest = [], seconds
    for unit in ("d", "h", "m"):
        count, rest = divmod(rest, _SECONDS[unit])
        if count:
            parts.append(f"{count:.0f}{unit}")
    if rest or not parts:
        parts.append(f"{rest:g}s")
    return "".join(parts)


def size_text(size: float) -> str:
    """A size as a person writes it: 65536 -> "64KiB"."""
    for unit in ("GiB", "MiB", "KiB"):
        if size and size % _BYTES[unit] == 0:
            return f"{size / _BYTES[unit]:.0f}{unit}"
    return f"{size:.0f}B"


def substitute(text: str, environment: Mapping[str, str]) -> str:
    """`${NAME}` and `${NAME:-default}` replaced; `$${` stands for `${` itself. Values are not looked into again."""
    if "${" not in text:
        return text
    return _ENVIRONMENT.sub(lambda match: _value(match, environment), text)


def _value(match: re.Match[str], environment: Mapping[str, str]) -> str:
    if match[1]:
        return match[0][1:]
    name = _NAME.match(match[2])
    if not name:
        raise ValueError(f"{match[0]} does not name an environment variable; write $${{ for a literal ${{")
    if (value := environment.get(name[1], name[2])) is None:
        raise ValueError(f"environment variable {name[1]} is not set; set it or write ${{{name[1]}:-default}}")
    return value
