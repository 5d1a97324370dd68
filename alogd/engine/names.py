"""The names the engine gives to headers, masks and window keys; the configuration and the engine read the same list."""

from __future__ import annotations

from typing import Literal, get_args

MaskName = Literal["path", "hex", "ip", "mac", "uuid", "pid", "device", "num"]

# In the order of alog_header_kind (engine_c/header.h).
HeaderName = Literal[
    "auto",
    "none",
    "rfc3164",
    "rfc5424",
    "iso8601",
    "log4j",
    "klog",
    "clf",
    "dmesg",
    "json",
    "logfmt",
    "docker",
    "cri",
]

MASKS: tuple[MaskName, ...] = get_args(MaskName)
HEADERS: tuple[HeaderName, ...] = get_args(HeaderName)

# In the order of alog_key_kind (engine_c/engine.h).
KEYS = ("none", "source", "host", "program", "pid", "field", "mask")
