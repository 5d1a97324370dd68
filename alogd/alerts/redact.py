"""What alerts do not show of the lines they tell of: what looks like a secret, and what chosen masks find.

Stands between the evidence and the alert, so that outbox, history, sinks and API never hold what is hidden here.
Linear in the text: nothing but fixed expressions without nested repeats, and the engine's own masks.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from alogd.config.tree import Alerts, EngineOptions
from alogd.engine.names import MASKS, MaskName
from alogd.engine.settings import EngineConfig, available_engine
from alogd.event import Template

if TYPE_CHECKING:
    from alogd.engine.native import Engine

SECRET = "<SECRET>"  # noqa: S105 - what is shown in place of one

_WORD = (
    r"(?:passw(?:or)?d|passphrase|pwd(?![\"']?\s{0,2}[:=]\s{0,2}/)|secret|token|credentials?|authorization|cookie"
    r"|(?:api|access|private|secret|auth|encryption|signing)[_-]?key)"
)
_VALUE = (
    r"(?:(?:basic|bearer|digest|negotiate|token)[ ]{1,2})?"
    r"(?!<[\w*]{1,33}>(?![^\s\"'&;]))"  # a wildcard hides it already
    r"(?:\\\"(?:(?!\\\").)*|\"(?:\\.|[^\"\\])*|'(?:\\.|[^'\\])*|[^\s\"'&;]+)"
)
_NAMED = re.compile(
    r"(?i:(?<![a-z])--[\w-]{0,40}" + _WORD + r"[ ]{1,2}"
    r"|" + _WORD + r"(?:[_-]\w{1,24})?(?:\\?[\"'])?\s{0,2}[:=]{1,2}>?\s{0,2})"
    r"(?P<secret>(?i:" + _VALUE + r"))",
    re.DOTALL,
)  # fmt: skip
_COOKIE = re.compile(r"(?i:\bcookie(?:[\"'])?\s{0,2}[:=]\s{0,2}[\"']?)(?P<secret>[^\"'\r\n]+)")
_IN_URL = re.compile(r"://[^\s/@:]{0,128}:(?P<secret>[^\s/]{1,256})@")
_KEY_BLOCK = re.compile(r"-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----(?P<secret>.*?)(?:-----END|\Z)", re.DOTALL)
# Shapes that nothing but a credential has: JWT, AWS, GitHub, GitLab, Slack, Stripe, Google, OpenAI-like; a bearer's.
_SHAPED = re.compile(
    r"(?<![0-9A-Za-z])(?P<secret>eyJ[\w-]{8,}\.[\w-]{8,}(?:\.[\w-]*)?|(?:AKIA|ASIA)[0-9A-Z]{16}(?![0-9A-Za-z])"
    r"|gh[pousr]_\w{20,}|github_pat_\w{20,}|glpat-[\w-]{20,}|xox[abeprs]-[\w-]{10,}|[rsp]k_(?:live|test)_\w{16,}"
    r"|AIza[\w-]{35}|sk-[\w-]{20,}|(?<=[Bb]earer )[\w.~+/=-]{16,})"
)
_ALL = (_KEY_BLOCK, _COOKIE, _NAMED, _IN_URL, _SHAPED)
# What all of them need; most lines have none of it.
_HINT = re.compile(
    r"(?i:pass|pwd|secret|token|credential|authorization|cookie|key|bearer|://"
    r"|eyJ|AKIA|ASIA|gh[pousr]_|github_pat_|glpat-|xox|[rsp]k_(?:live|test)_|AIza|sk-)"
)


def hide_secrets(text: str) -> str:
    """The text with the values of passwords, tokens and keys shown as `<SECRET>`; what names them stays."""
    if not _HINT.search(text):
        return text
    for pattern in _ALL:
        text = pattern.sub(_hidden, text)
    return text


def hidden_template(template: Template) -> Template:
    """A template as it may be shown: a word seen once stands in it as it was written."""
    return replace(template, text=hide_secrets(template.text))


class Redactor:
    """What one stream's alerts show."""

    def __init__(self, alerts: Alerts, engine: EngineOptions, key: str | dict[str, str]) -> None:
        chosen = frozenset(alerts.redact)
        user = tuple((mask.name, mask.pattern) for mask in engine.user_masks if mask.name in chosen)
        masks = tuple(mask for mask in MASKS if mask in chosen)
        self._secrets = alerts.hide_secrets
        self._key = _key_shown_as(key, chosen)
        # Each mask finds here what it finds alone: what another mask hid in the template must not show in the line.
        self._engine = _engine(engine.kind, masks, user) if masks or user else None

    @property
    def is_on(self) -> bool:
        """Whether anything may be hidden: then a line is shown whole or not at all before it is cut for display."""
        return self._secrets or self._engine is not None

    def line(self, line: bytes) -> bytes:
        """A line, or a record with its continuation lines, as it may be shown; bytes beyond UTF-8 spelt out."""
        if not self.is_on:
            return line
        return self.text(line.decode("utf-8", "backslashreplace")).encode()

    def text(self, text: str) -> str:
        """As `line`, for what is text already."""
        shown = hide_secrets(text) if self._secrets else text
        if self._engine is None:
            return shown
        lines = (part.encode("utf-8", "backslashreplace") for part in shown.split("\n"))
        return "\n".join(self._engine.explain(part).masked for part in lines)

    def template(self, text: str) -> str:
        """A masked text: the stream's masks hid in it what they find, a secret may still be a word of it."""
        return hide_secrets(text) if self._secrets else text

    def key(self, key: str) -> str:
        """A window's key as text."""
        return self._key if key and self._key else self.text(key)

    def host(self, host: str) -> str:
        """A host's name; "" where any of it is hidden."""
        return host if self.text(host) == host else ""


def _key_shown_as(key: str | dict[str, str], chosen: frozenset[str]) -> str:
    """What stands for every key when the key is itself what a redacted mask finds; "" when it is not."""
    name = key.get("mask", "") if isinstance(key, dict) else key if key == "pid" else ""
    return f"<{name.upper() if name == 'pid' else name}>" if name in chosen else ""


def _engine(kind: str, masks: tuple[MaskName, ...], user: tuple[tuple[str, str], ...]) -> Engine:
    config = EngineConfig(
        masks=masks,
        user_masks=user,
        header="none",
        multiline=False,
        max_memory=65536,
        max_line_bytes=2**24,
        max_tokens=65536,
    )
    return available_engine(kind)(config)


def _hidden(match: re.Match[str]) -> str:
    begin, end = match.span("secret")
    whole, at = match[0], match.start()
    if whole[begin - at : end - at] == SECRET:
        return whole
    quote = re.match(r"\\?[\"']|", match["secret"])
    opening = quote[0] if quote else ""
    return f"{whole[: begin - at]}{opening}{SECRET}{whole[end - at :]}"
