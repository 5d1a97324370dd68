"""Time stamps of log lines by regular expressions and datetime: the plain twin of engine_c/header_time.c.

A stamp never depends on the clock, the locale or the time zone data base.
"""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from alogd.reference.header_levels import of_word

EPOCH: Final = datetime(1970, 1, 1)  # all arithmetic here is in UTC
MONTHS: Final = {name: i + 1 for i, name in enumerate(b"jan feb mar apr may jun jul aug sep oct nov dec".split())}
MONTH: Final = rb"(?P<b>(?i:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec))"
WEEKDAY: Final = rb"(?i:mon|tue|wed|thu|fri|sat|sun)"
CLOCK: Final = rb"(?P<H>\d\d):(?P<M>\d\d):(?P<S>\d\d)"
PADDED_CLOCK: Final = rb"(?P<H>\d\d| \d):(?P<M>\d\d):(?P<S>\d\d)"
DAY: Final = rb"(?P<d> \d|\d\d?)"
FRACTION: Final = rb"[.,](?P<f>\d{1,18}+)"

LAYOUTS: Final = {
    "iso": rb"(?P<Y>\d{4})-(?P<m>\d\d)-(?P<d>\d\d)(?P<T>[Tt _])" + PADDED_CLOCK,
    "slash": rb"(?P<Y>\d{4})/(?P<m>\d\d)/(?P<d>\d\d) " + CLOCK,
    "short": rb"(?P<y>\d\d)/(?P<m>\d\d)/(?P<d>\d\d) " + CLOCK,
    "packed": rb"(?P<y>\d\d)(?P<m>\d\d)(?P<d>\d\d) (?P<H>\d\d)(?P<M>\d\d)(?P<S>\d\d)",
    "packed_d": rb"(?P<y>\d\d)(?P<m>\d\d)(?P<d>\d\d) " + PADDED_CLOCK,
    "month": MONTH + b" " + DAY + b" " + CLOCK,
    "month_y": MONTH + b" " + DAY + rb" (?P<Y>\d{4}) " + CLOCK,
    "ctime": WEEKDAY + b" " + MONTH + b" " + DAY + b" " + CLOCK + b"(?:" + FRACTION + rb")? (?P<Y>\d{4})",
    "jul": MONTH + b" " + DAY + rb", (?P<Y>\d{4}) (?P<H>\d\d?):(?P<M>\d\d):(?P<S>\d\d) (?P<p>[AaPp])[Mm]",
    "logcat": rb"(?P<m>\d\d)-(?P<d>\d\d) " + CLOCK,
    "dotted": rb"(?P<m>\d\d)\.(?P<d>\d\d) " + CLOCK,
    "german": rb"(?P<d>\d\d)\.(?P<m>\d\d)\.(?P<Y>\d{4}) " + CLOCK,
    "health": rb"(?P<Y>\d{4})(?P<m>\d\d)(?P<d>\d\d)-(?P<H>\d\d?):(?P<M>\d\d?):(?P<S>\d\d?)",
    "clf": rb"(?P<d>\d\d)/" + MONTH + rb"/(?P<Y>\d{4}):" + CLOCK,
    "day_first": rb"(?P<d>\d\d) " + MONTH + rb" (?P<Y>\d{4}) " + CLOCK,
    "dashed": rb"(?P<d>\d\d)-" + MONTH + rb"-(?P<Y>\d{4}) " + CLOCK,
    "klog": rb"(?P<m>\d\d)(?P<d>\d\d) " + CLOCK,
    "klog_y": rb"(?P<Y>\d{4})(?P<m>\d\d)(?P<d>\d\d) " + CLOCK,
    "clock": CLOCK,
}
PATTERNS: Final = {name: re.compile(pattern) for name, pattern in LAYOUTS.items()}
AT_START: Final = [name for name in LAYOUTS if name != "klog"]

_FRACTION = re.compile(FRACTION)
_HEALTH_FRACTION = re.compile(rb":(?P<f>\d{1,18}+)")
_NUMERIC_ZONE = re.compile(rb"(?P<sign>[+-])(?P<h>\d\d)(?::?(?P<m>\d\d))?+(?!\d)")
_FULL_ZONE = re.compile(rb" (?P<sign>[+-])(?P<h>\d\d):?(?P<m>\d\d)(?!\d)")
_UTC = re.compile(rb" (?:UTC|GMT)(?=[ \t\],:]|\Z)")
_NAMED = re.compile(rb" (?P<name>[A-Z]{3,5})(?= \[\d)")
_EPOCH_STAMP = re.compile(rb"(?P<whole>1\d{9}|1\d{12})(?!\d)(?:\.\d{1,18}+)?")
_EPOCH_NUMBER = re.compile(rb"(\d{9,19})(?:\.(\d{1,18}))?")


@dataclass(frozen=True)
class Stamp:
    """What a stamp says; `ns` is None where it names no moment, `month` 0 where it names its year."""

    ns: int | None
    length: int
    layout: str
    zone: str
    month: int = 0
    year: int = 0


@dataclass
class Calendar:
    """The year and month of the last stamp without a year."""

    year: int
    month: int = 0

    def year_for(self, month: int) -> int:
        """Six months back or more is a new year; December right after January belongs to the old one."""
        if not self.month:
            return self.year
        step = month - self.month
        if step <= -6 and self.year < 9999:
            return self.year + 1
        return self.year - 1 if step == 11 and self.year > 1 else self.year

    def keep(self, stamp: Stamp) -> None:
        """Take over the month and year of a stamp that was used."""
        if stamp.month:
            self.month, self.year = stamp.month, stamp.year


def _nanoseconds(digits: bytes | None) -> int:
    return int(digits[:9].ljust(9, b"0")) if digits else 0


def _moment(year: int, month: int, day: int, clock: tuple[int, int, int], yearless: bool) -> tuple[bool, int | None]:
    """Whether the stamp is real, and its nanoseconds since 1970 without zone."""
    hour, minute, second = clock
    if minute > 59 or second > 60 or hour > 24 or (hour == 24 and (minute or second)):
        return False, None
    leap_day = yearless and (month, day) == (2, 29)
    in_range = 1 <= year <= 9999
    try:  # a year datetime has not is judged by one with the same calendar
        date = datetime(year if in_range else 2000 + year % 400, month, 28 if leap_day else day)
    except ValueError:
        return False, None
    if not 1970 <= year <= 2261:
        return True, None
    date += timedelta(days=leap_day, hours=hour, minutes=minute, seconds=second)
    return True, (date - EPOCH) // timedelta(seconds=1) * 10**9


def _zone(text: bytes, at: int, utc_offset_s: int) -> tuple[str, int, int]:
    """Kind, end and offset in seconds of the zone at `at`."""
    if text[at : at + 1] in (b"Z", b"z"):
        return ("none", at, utc_offset_s) if text[at + 1 : at + 2].isalnum() else ("z", at + 1, 0)
    if found := _NUMERIC_ZONE.match(text, at) or _FULL_ZONE.match(text, at):
        hours, minutes = int(found["h"]), int(found["m"] or 0)
        if hours < 24 and minutes < 60:
            return "offset", found.end(), (-1 if found["sign"] == b"-" else 1) * (hours * 3600 + minutes * 60)
        return "none", at, utc_offset_s
    if found := _UTC.match(text, at):
        return "name", found.end(), 0
    found = _NAMED.match(text, at)
    if found and not of_word(found["name"]):
        return "name", found.end(), utc_offset_s
    return "none", at, utc_offset_s


def _hour(found: re.Match[bytes], layout: str) -> int | None:
    hour = int(found["H"])
    if layout != "jul":
        return hour
    if not 1 <= hour <= 12:
        return None
    return hour % 12 + (12 if found["p"].lower() == b"p" else 0)


def _base(found: re.Match[bytes], layout: str, calendar: Calendar) -> tuple[bool, int | None, int, int]:
    """Whether it is real, nanoseconds, month (0 with a year) and year of a stamp up to its seconds."""
    hour = _hour(found, layout)
    if hour is None:
        return False, None, 0, 0
    clock = (hour, int(found["M"]), int(found["S"]))
    if layout == "clock":
        return clock[0] < 24 and clock[1] < 60 and clock[2] <= 60, None, 0, 0
    groups = found.groupdict()
    month = MONTHS[groups["b"].lower()] if "b" in groups else int(groups["m"])
    if not 1 <= month <= 12:
        return False, None, 0, 0
    yearless = "Y" not in groups and "y" not in groups
    year = calendar.year_for(month) if yearless else int(groups["Y"]) if "Y" in groups else 2000 + int(groups["y"])
    real, ns = _moment(year, month, int(groups["d"]), clock, yearless)
    return real, ns, month if yearless else 0, year


def read_stamp_as(layout: str, text: bytes, calendar: Calendar, utc_offset_s: int) -> Stamp | None:
    """The stamp at the start of `text`, in one layout."""
    found = PATTERNS[layout].match(text)
    if not found:
        return None
    real, ns, month, year = _base(found, layout, calendar)
    if not real:
        return None
    at, digits = found.end(), found.groupdict().get("f")
    if layout != "ctime" and (part := (_HEALTH_FRACTION if layout == "health" else _FRACTION).match(text, at)):
        at, digits = part.end(), part["f"]
    if layout == "clock" and not digits:
        return None
    zone, end, offset_s = _zone(text, at, utc_offset_s)
    if ns is not None:
        ns += _nanoseconds(digits) - offset_s * 10**9
    return Stamp(ns, end, layout, zone, month, year)


def read_stamp(text: bytes, calendar: Calendar, utc_offset_s: int) -> Stamp | None:
    """The stamp at the start of `text`, in whatever layout."""
    if len(text) < 8:
        return None
    for layout in AT_START:
        if PATTERNS[layout].match(text):
            return read_stamp_as(layout, text, calendar, utc_offset_s)
    found = _EPOCH_STAMP.match(text)
    ns = epoch_ns(found.group()) if found else None
    return Stamp(ns, found.end(), "epoch", "none") if found and ns is not None else None


def epoch_ns(text: bytes) -> int | None:
    """Epoch in s, ms, us or ns, told apart by size; None before 1973 and for what is not a number."""
    found = _EPOCH_NUMBER.fullmatch(text)
    if not found or not 10**8 <= (whole := int(found[1])) < 2**63:
        return None
    unit = next((10**power for power in (9, 6, 3) if whole < 92 * 10 ** (17 - power)), 1)
    return whole * unit + _nanoseconds(found[2]) * unit // 10**9
