"""Since when: an age before the end of a log, or a moment of log time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from alogd.cli.failures import Usage


@dataclass(frozen=True, slots=True)
class Since:
    """Exactly one of the two is set."""

    age_ns: int | None
    at_ns: int | None

    @classmethod
    def of(cls, text: str | None) -> Since | None:
        """ "2h", "7d" or "2026-05-01", "2026-05-01T12:00+02:00" (UTC where it names no zone). Raises Usage."""
        from alogd.config.units import duration

        if text is None:
            return None
        try:
            return cls(int(duration(text) * 1e9), None)
        except ValueError:
            pass
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            raise Usage(f'--since {text}: write an age as "2h" or "7d", or a moment as "2026-05-01T12:00"') from None
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return cls(None, int(moment.timestamp()) * 1_000_000_000)

    def moment_ns(self, end_ns: int) -> int:
        """Nanoseconds since 1970, for a log that ends at `end_ns`."""
        return end_ns - (self.age_ns or 0) if self.at_ns is None else self.at_ns
