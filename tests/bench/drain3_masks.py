"""The masks of Drain3's example configuration (examples/drain3.ini): the work the engine is compared with."""

from __future__ import annotations

_BEFORE = r"((?<=[^A-Za-z0-9])|^)"
_AFTER = r"((?=[^A-Za-z0-9])|$)"

MASKS = (
    (_BEFORE + r"(([0-9a-f]{2,}:){3,}([0-9a-f]{2,}))" + _AFTER, "ID"),
    (_BEFORE + r"(\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3})" + _AFTER, "IP"),
    (_BEFORE + r"([0-9a-f]{6,} ?){3,}" + _AFTER, "SEQ"),
    (_BEFORE + r"([0-9A-F]{4} ?){4,}" + _AFTER, "SEQ"),
    (_BEFORE + r"(0x[a-f0-9A-F]+)" + _AFTER, "HEX"),
    (_BEFORE + r"([\-\+]?\d+)" + _AFTER, "NUM"),
    (r"(?<=executed cmd )(\".+?\")", "CMD"),
)
