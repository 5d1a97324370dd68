"""What a person watching the daemon is told: what it found, how reading goes, when it has caught up, what it learns.

Pure: a View and a moment in, lines out. Every line is true of that view; a quiet host gets few lines.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from alogd.amounts import count, duration, size
from alogd.daemon.view import StreamView, View
from alogd.escape import escape

EVERY = 3.0  # seconds between lines while reading
SHOWN_UNREAD = 4
SHOWN_STREAMS = 12


class Progress:
    """Remembers what was said. `command` is how this person calls alogd; `once` says that it will not go on."""

    def __init__(self, *, state_directory: str, config_name: str, command: str = "alogd", once: bool = False) -> None:
        self._command = command
        self._once = once
        self._state = state_directory
        self._config = config_name
        self._said_found = False
        self._said_caught_up = False
        self._warm: set[str] = set()
        self._begun: float | None = None
        self._last = (0.0, 0)  # moment and lines of the last line about reading

    @property
    def is_over(self) -> bool:
        """Whether reading what was there is behind us."""
        return self._said_caught_up

    def lines(self, view: View, now: float) -> Iterator[str]:
        """What there is to say at this moment (monotonic seconds)."""
        if self._begun is None:
            self._begun = now
            self._last = (now, 0)
        if not self._said_found:
            if not _has_looked(view):
                return
            self._said_found = True
            yield from self._found(view)
        if not self._said_caught_up:
            if view.caught_up:
                self._said_caught_up = True
                self._warm = {stream.name for stream in view.streams if stream.warmup >= 1}
                yield from self._caught_up(view, now)
            elif now - self._last[0] >= EVERY:
                yield self._reading(view, now)
            return
        yield from self._learned(view)

    def where(self, url: str) -> Iterator[str]:
        """Where to look."""
        yield f"look: {url}/ (the page)  {url}/metrics  {url}/api/v1/alerts"
        stop = "stop: Ctrl-C (it goes on from here the next time)"
        yield f"      {self._command} alerts list --state {self._state}    {stop}"

    def _found(self, view: View) -> Iterator[str]:
        sources = sum(stream.source_count for stream in view.streams)
        resumed = any(stream.resumed for stream in view.streams)
        begin = "goes on where it stopped" if resumed else "sees these logs for the first time"
        yield f"alogd {view.version} {begin} (configuration {self._config}, state in {self._state})"
        if not sources:
            yield "found no log to read" + ("" if self._once else " yet; it looks again every few seconds")
        else:
            streams = count(_with_sources(view), "stream")
            yield f"found {count(sources, 'source')} in {streams}, {size(sum(s.size_bytes for s in view.streams))}"
        yield from _streams(view.streams)
        yield from _unread(view.streams)
        if any(stream.core.get("engine_kind") == "Drain3Engine" for stream in view.streams):
            yield "mining with drain3, some hundred times slower than the C engine (`alogd version` says why)"

    def _reading(self, view: View, now: float) -> str:
        lines, read = _lines(view), sum(stream.bytes_read for stream in view.streams)
        backlog = sum(stream.backlog_bytes for stream in view.streams)
        rate = (lines - self._last[1]) / (now - self._last[0])
        self._last = (now, lines)
        share = read / (read + backlog) if read + backlog else 1.0
        seconds = self._seconds(now)
        speed = read / seconds if seconds else 0.0
        left = f", about {duration(backlog / speed)} left" if speed and backlog else ""
        return f"reading {share:4.0%}  {rate:,.0f} lines/s, {_templates(view):,} templates{left}"

    def _caught_up(self, view: View, now: float) -> Iterator[str]:
        read = sum(stream.bytes_read for stream in view.streams)
        alerts = sum(sum(stream.opened.values()) for stream in view.streams)
        yield (
            f"caught up: {count(_lines(view), 'line')} ({size(read)}) in {duration(self._seconds(now))}, "
            f"{count(_templates(view), 'template')}, {count(alerts, 'incident')}"
            f"{'' if self._once else '; now watching'}"
        )
        if self._warm:
            yield f"learned what is usual: {_learned(stream for stream in view.streams if stream.name in self._warm)}"
        cold = [stream for stream in view.streams if stream.count("lines") and stream.warmup < 1]
        if cold:
            shares = ", ".join(f"{stream.name} {stream.warmup:.0%}" for stream in cold)
            yield f"learning: {shares} of warm-up; until then only what is new and severe raises an alert"

    def _seconds(self, now: float) -> float:
        """Since the first look."""
        return 0.0 if self._begun is None else now - self._begun

    def _learned(self, view: View) -> Iterator[str]:
        for stream in view.streams:
            if stream.warmup >= 1 and stream.name not in self._warm:
                self._warm.add(stream.name)
                yield f"{stream.name} has learned what is usual ({count(_known(stream), 'template')})"


def stopped(problem: str) -> str:
    """The last line; `problem` says why the state could not be saved, "" when it was."""
    if problem:
        return f"stopped; what came since the last commit is read again the next time: {problem}"
    return "stopped; everything is saved"


def status_line(view: View) -> str:
    """One line for the service manager."""
    backlog = sum(stream.backlog_bytes for stream in view.streams)
    sources = sum(stream.source_count for stream in view.streams)
    where = "caught up" if view.caught_up else f"{size(backlog)} behind"
    amiss = f"; {view.reasons[0]}" if view.reasons else ""
    return f"{count(sources, 'source')}, {_lines(view):,} lines, {_templates(view):,} templates, {where}{amiss}"


def _has_looked(view: View) -> bool:
    return bool(view.streams) and all(
        stream.problem not in ("", "starting") or (stream.up and stream.core and _settled(stream))
        for stream in view.streams
    )


def _settled(stream: StreamView) -> bool:
    return bool(stream.source_count) or stream.caught_up or all(not why for why in stream.collectors.values())


def _streams(streams: Sequence[StreamView]) -> Iterator[str]:
    told = [stream for stream in streams if stream.source_count or stream.problem or any(stream.collectors.values())]
    wide = max((len(stream.name) for stream in told[:SHOWN_STREAMS]), default=0)
    for stream in told[:SHOWN_STREAMS]:
        yield f"  {stream.name:<{wide}}  {_stream(stream)}"
    if len(told) > SHOWN_STREAMS:
        yield f"  and {len(told) - SHOWN_STREAMS} more streams"


def _stream(stream: StreamView) -> str:
    if stream.problem:
        return f"does not run: {escape(stream.problem)}"
    down = [why for why in stream.collectors.values() if why]
    if not stream.source_count:
        return escape("; ".join(down))
    largest = sorted(stream.sources, key=lambda source: -source.size)[:3]
    names = [escape(source.name) for source in largest]
    more = f" and {stream.source_count - len(names)} more" if stream.source_count > len(names) else ""
    return f"{size(stream.size_bytes)} in {', '.join(names)}{more}" + (f" ({escape(down[0])})" if down else "")


def _unread(streams: Sequence[StreamView]) -> Iterator[str]:
    texts = [text for stream in streams for text in stream.unread]
    if not texts:
        return
    more = ", for example" if len(texts) > SHOWN_UNREAD else ""
    yield f"not read: {count(len(texts), 'file')}{more}"
    for text in texts[:SHOWN_UNREAD]:
        yield f"  {escape(text)}"


def _learned(streams: Iterable[StreamView]) -> str:
    told = [f"{stream.name} ({count(_known(stream), 'template')})" for stream in streams]
    return ", ".join(told[:SHOWN_STREAMS]) + (f" and {len(told) - SHOWN_STREAMS} more" * (len(told) > SHOWN_STREAMS))


def _known(stream: StreamView) -> int:
    return int(stream.core.get("templates", 0))


def _with_sources(view: View) -> int:
    return sum(bool(stream.source_count) for stream in view.streams)


def _lines(view: View) -> int:
    """Read in this run."""
    return sum(stream.lines_read for stream in view.streams)


def _templates(view: View) -> int:
    return sum(map(_known, view.streams))
