"""The detectors of a stream as its configuration chooses them, made and fitted to it, or refused."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from alogd import registry
from alogd.config.tree import DetectorOptions, StreamOptions
from alogd.detectors.base import Detector, NeedsTemplates, OfWindows


def chosen(
    options: StreamOptions, first_text: Callable[[int], str], settings: Mapping[str, object]
) -> dict[str, Detector]:
    """By name. first_text(slot): what a template said when it was created; settings: how templates are mined.

    Raises BadBundle when a model does not fit the stream.
    """
    names = detector_names([one.name for one in options.detectors])
    made = {name: _made(one) for name, one in zip(names, options.detectors, strict=True)}
    for detector in made.values():
        if isinstance(detector, OfWindows):
            detector.suit(options.windows)
        if isinstance(detector, NeedsTemplates):
            detector.attach(first_text, settings)
    return made


def detector_names(detectors: Sequence[str]) -> list[str]:
    """Names made unique, for a stream that runs one detector twice with different options."""
    return [name if name not in detectors[:i] else f"{name}-{i}" for i, name in enumerate(detectors)]


def _made(one: DetectorOptions) -> Detector:
    cls: Any = registry.find("detectors", one.name)
    detector: Detector = cls(msgspec.convert(one.options, cls.Options))
    return detector
