"""The one place where text from logs is made safe to show: terminals, our own log, alert text.

What comes out has no control character, no terminal escape, no line break and no character that reorders or
hides its neighbours; one text in is one line out. Ordinary letters of any script pass unchanged.
"""

from __future__ import annotations

_BIDI = (*range(0x202A, 0x202F), *range(0x2066, 0x206A), 0x061C, 0x200E, 0x200F)
_INVISIBLE = (0x00AD, 0x180E, 0x200B, 0x2060, 0x2061, 0x2062, 0x2063, 0x2064, 0xFEFF, *range(0xFFF9, 0xFFFC))
_BREAKS = (0x2028, 0x2029)
_TAGS = range(0xE0000, 0xE0080)
_SURROGATES = range(0xD800, 0xE000)
_SHORT = {0x09: "\\t", 0x0A: "\\n", 0x0D: "\\r"}


def _spelt(code: int) -> str:
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


_CONTROLS = (*range(0x20), *range(0x7F, 0xA0))
_TABLE = {code: _spelt(code) for code in (*_CONTROLS, *_BIDI, *_INVISIBLE, *_BREAKS, *_TAGS, *_SURROGATES)} | _SHORT


def escape(text: str) -> str:
    """Text with every control, bidirectional, invisible and line-breaking character spelt out (`\\x1b`)."""
    if text.isascii() and text.isprintable():
        return text
    return text.translate(_TABLE)


def shown(raw: bytes, limit: int = 2048) -> str:
    """Bytes of a log line as one safe line of at most `limit` characters; what is cut is said."""
    text = escape(raw[: 4 * limit].decode("utf-8", "backslashreplace"))
    if len(text) <= limit and len(raw) <= 4 * limit:
        return text
    return f"{text[:limit]}... ({len(raw)} bytes)"


def json_safe(data: bytes) -> bytes:
    """JSON whose risky characters are written as JSON escapes: safe to show, and it decodes to the same values."""
    if data.isascii() and b"\x7f" not in data:  # below 0x20 an encoder has escaped already
        return data
    return "".join(_json_escape(char) for char in data.decode()).encode()


def _json_escape(char: str) -> str:
    if ord(char) not in _TABLE or char == "\n":
        return char
    units = char.encode("utf-16-be")
    return "".join(f"\\u{units[i] << 8 | units[i + 1]:04x}" for i in range(0, len(units), 2))
