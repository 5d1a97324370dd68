"""One scalar of a configuration as the type asked for, with messages that name the range or the nearest value.

Every function raises ValueError that says what was found and what is accepted.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any

from msgspec import inspect

from alogd.config import units
from alogd.config.nodes import Scalar, scalar

_LARGEST = 2**53  # of a number that declares no range
Number = inspect.IntType | inspect.FloatType


def nearest(word: str, known: Iterable[str]) -> str:
    """The end of a message about an unknown word: the nearest known one, or all of them."""
    names = sorted(known)
    folded = {name.lower(): name for name in names}
    if close := get_close_matches(word.lower(), folded, n=1, cutoff=0.6):
        return f'did you mean "{folded[close[0]]}"?'
    return f"known: {', '.join(names)}" if names else "none is known here"


def shown(text: str) -> str:
    """A value as messages quote it, never longer than a line bears."""
    return repr(text if len(text) <= 60 else text[:57] + "...") if text else "nothing"


def wanted(kind: inspect.Type) -> str:
    """What a type is called in messages."""
    if isinstance(kind, inspect.IntType):
        return "a whole number"
    if isinstance(kind, inspect.FloatType):
        return "a number"
    return "true or false" if isinstance(kind, inspect.BoolType) else "text"


def convert(kind: inspect.Type, text: str, plain: bool, *, unit: str | None = None, loose: bool = False) -> Any:
    """`text` as `kind`. `unit` is "duration" or "size"; `loose` lets numbers without a range be either."""
    value = scalar(text, plain)
    if isinstance(kind, inspect.NoneType):
        return None
    if isinstance(kind, inspect.LiteralType):
        return _literal(kind, value, text)
    if isinstance(kind, inspect.StrType):
        return _string(kind, value, text)
    if isinstance(kind, (inspect.IntType, inspect.FloatType)):
        return _number(kind, value, text, unit, loose)
    if isinstance(kind, inspect.BoolType) and isinstance(value, bool):
        return value
    raise ValueError(f"expected {wanted(kind)}, not {shown(text)}")


def _literal(kind: inspect.LiteralType, value: Scalar, text: str) -> Any:
    for allowed in kind.values:
        if value == allowed and type(value) is type(allowed):
            return allowed
    raise ValueError(f"unknown value {shown(text)}; {nearest(text, map(str, kind.values))}")


def _string(kind: inspect.StrType, value: Scalar, text: str) -> str:
    if value is None or isinstance(value, bool):
        raise ValueError(f"expected text, not {shown(text)}")
    least, most = kind.min_length or 0, kind.max_length
    if len(text) < least or (most is not None and len(text) > most):
        raise ValueError(f"{len(text)} characters long; {least} to {most or 'any number'} are accepted")
    if kind.pattern and not re.search(kind.pattern, text):
        raise ValueError(f"{shown(text)} does not fit {kind.pattern}")
    return text


def _number(kind: Number, value: Scalar, text: str, unit: str | None, loose: bool) -> int | float:
    whole = isinstance(kind, inspect.IntType)
    ranged = any(limit is not None for limit in (kind.ge, kind.gt, kind.le, kind.lt))
    if loose and unit is None and not ranged:  # a plugin's plain number may well be a time or a size
        unit = "size" if whole else "duration"
    if isinstance(value, str) and unit and (ranged or value[:1].isdigit()):
        value = units.size(value) if unit == "size" else units.duration(value)
    if isinstance(value, (bool, str)) or value is None or (whole and isinstance(value, float)):
        raise ValueError(f"expected {wanted(kind)}, not {shown(text)}")
    if not _in_range(kind, value):
        raise ValueError(f"{text[:60]} is out of range: {range_text(kind, unit if ranged else None)}")
    return value if whole else float(value)


def _in_range(kind: Number, value: float) -> bool:
    if not -_LARGEST <= value <= _LARGEST or math.isnan(value):
        return False
    low = (kind.ge is None or value >= kind.ge) and (kind.gt is None or value > kind.gt)
    return low and (kind.le is None or value <= kind.le) and (kind.lt is None or value < kind.lt)


def range_text(kind: Number, unit: str | None = None) -> str:
    """A number's range as messages say it: "3 to 32", "10ms to 1h", "above 0, at most 1"."""
    say = {"duration": units.seconds_text, "size": units.size_text}.get(unit or "", _plain)
    if kind.ge is not None and kind.le is not None:
        return f"{say(kind.ge)} to {say(kind.le)}"
    limits = (("at least", kind.ge), ("above", kind.gt), ("at most", kind.le), ("below", kind.lt))
    return ", ".join(f"{word} {say(limit)}" for word, limit in limits if limit is not None) or "a finite number"


def _plain(number: float) -> str:
    return str(int(number)) if number == int(number) else f"{number:g}"


def choose(kind: inspect.UnionType, shape: str, value: Scalar) -> inspect.Type:
    """The member of a union that a node of this shape ("mapping", "list", "scalar") and value is meant as."""
    if shape == "scalar" and value is None and any(isinstance(member, inspect.NoneType) for member in kind.types):
        return inspect.NoneType()
    order: dict[Any, tuple[type, ...]] = {
        "mapping": (inspect.DictType, inspect.StructType),
        "list": (inspect.VarTupleType, inspect.ListType),
        bool: (inspect.BoolType,),
        int: (inspect.IntType, inspect.FloatType),
        float: (inspect.FloatType,),
        str: (inspect.StrType, inspect.LiteralType),
    }
    fitting = order.get(shape) or order.get(type(value), ())
    bare = [member.type if isinstance(member, inspect.Metadata) else member for member in kind.types]
    members = [m for m, b in zip(kind.types, bare, strict=True) if not isinstance(b, inspect.NoneType)]
    return next((m for m, b in zip(kind.types, bare, strict=True) if isinstance(b, fitting)), members[0])
