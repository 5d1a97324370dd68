"""Whether the windows a model was trained on are those of the stream that is to use it, asked before it is used.

Sessions and windows of consecutive records hold different things, so a model of one is refused for the other; what
merely differs in size or key is a doubt. A bundle that does not say its windows is believed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from alogd.config.tree import WindowOptions

SESSION = "session"
# What a window of a kind is made by; ages and bounds on keys are left out: they shape a few windows only.
_MATTER = {"count": ("size", "stride", "key"), "time": ("width", "key"), SESSION: ("key", "idle")}


def refusal(trained: Mapping[str, Any], stream: WindowOptions) -> str:
    """Why a model of windows like `trained` cannot judge the stream's; "" when it can."""
    theirs = trained.get("kind")
    if theirs is None or (theirs == SESSION) == (stream.kind == SESSION):
        return ""
    why = "a session says nothing of what comes beside it"
    if stream.kind == SESSION:
        why = "sessions have no order among them, and end"
    return (
        f"the model was trained on windows of kind {theirs!r}, the stream has {stream.kind!r}: {why}; "
        f"set windows.kind to {theirs!r}, or train anew: alogd retrain"
    )


def doubts(trained: Mapping[str, Any], stream: WindowOptions) -> list[str]:
    """What differs in windows that can be judged: scores are then not those the model was measured by."""
    ours = msgspec.to_builtins(stream)
    return [
        f"the model was trained with windows.{name} {trained[name]!r}, the stream has {ours[name]!r}"
        for name in ("kind", *(_MATTER[stream.kind] if trained.get("kind") == stream.kind else ()))
        if name in trained and trained[name] != ours[name]
    ]
