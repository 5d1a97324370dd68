"""What a stream's engine has to know of the configuration."""

from __future__ import annotations

from alogd.config.tree import Alerts, StreamOptions
from alogd.engine import severity
from alogd.engine.settings import EngineConfig


def engine_config(options: StreamOptions, alerts: Alerts) -> EngineConfig:
    """What the engine has to know of a stream's configuration."""
    engine, key = options.engine, options.windows.key
    return EngineConfig(
        depth=engine.depth,
        sim_th=engine.sim_th,
        max_children=engine.max_children,
        max_clusters=engine.max_clusters,
        extra_delimiters=engine.extra_delimiters,
        parametrize_numeric_tokens=engine.parametrize_numeric_tokens,
        masks=engine.masks,
        user_masks=tuple((mask.name, mask.pattern) for mask in engine.user_masks),
        header=engine.header,
        multiline=engine.multiline.mode == "auto",
        multiline_max_lines=engine.multiline.max_lines,
        multiline_max_bytes=engine.multiline.max_bytes,
        max_line_bytes=engine.max_line_bytes,
        max_tokens=engine.max_tokens,
        utc_offset_s=_utc_offset(engine.timezone),
        key=key,
        severity_rules=severity.rules(alerts.severity_rules),
    )


def _utc_offset(zone: str) -> int:
    if zone == "UTC":
        return 0
    hours, minutes = zone[1:].split(":")
    return (1 if zone[0] == "+" else -1) * (int(hours) * 3600 + int(minutes) * 60)
