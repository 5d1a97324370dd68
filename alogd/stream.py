"""The core of one stream: bytes in, alerts out. Engine, windows, detectors, risk and incidents, composed.

Pure, synchronous and deterministic: no I/O but the `text` look-up for evidence, no clock, no global state. How a
log is cut into blocks never changes what comes out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from alogd.alerts.daily import Daily
from alogd.alerts.evidence import Reader, gather
from alogd.alerts.incidents import Finding, Incident, Incidents
from alogd.alerts.nearest import nearest
from alogd.alerts.one_window import alert_id, records, shares_of, span, worst
from alogd.alerts.redact import Redactor
from alogd.config.tree import Alerts, Risk, StreamOptions
from alogd.engine.of_stream import engine_config as engine_config  # who builds streams looks for it here
from alogd.engine.settings import available_engine
from alogd.engine.sightings import Sightings
from alogd.engine.template_name import fingerprint
from alogd.event import NO_TIME, Alert, Batch, Template, WindowBatch
from alogd.feedback.protected import Protected, Said
from alogd.judging.cascade import Looked
from alogd.judging.chosen_detectors import chosen
from alogd.judging.judge import Judge
from alogd.judging.risk import level
from alogd.judging.scores import Scores
from alogd.judging.verdict import Verdict
from alogd.judging.waiting import Answering, Asking, Waiting
from alogd.models.vocabulary import mining
from alogd.silence.alerts import Reader as SilenceReader
from alogd.silence.alerts import SilenceAlerts
from alogd.silence.watch import Silences
from alogd.state.pack import pack, unpack
from alogd.windows.gather import Windows
from alogd.windows.rows import part

_LEVELS = ("", "TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL")  # of OpenTelemetry numbers, four each


class Stream:
    """A named set of sources with one template miner and one set of detectors."""

    def __init__(
        self,
        options: StreamOptions,
        *,
        alerts: Alerts,
        risk: Risk,
        budget_per_day: float,
        text: Callable[[int, int, int], bytes | None],
        names: Callable[[int], str],
        answering: Answering | None = None,
    ) -> None:
        """text(source, offset, length) gives bytes again, or None; names(source) what a person calls it.

        answering: asks networks while the stream goes on with what comes; without it each is waited for.
        """
        self.options = options
        self.name = options.name
        self.risk = risk
        self.alerts = alerts
        self.budget_per_day = budget_per_day
        self.names = names
        self.text = text
        self.answering = answering
        self.engine = available_engine(options.engine.kind)(engine_config(options, alerts))
        self.show = Redactor(alerts, options.engine, options.windows.key)
        self._blank()

    def _blank(self) -> None:
        options = self.options
        self.windows = Windows(options.windows)
        self.judge = Judge(
            chosen(options, lambda slot: self.engine.first_text(slot), mining(self.engine.config)),
            alerts=self.alerts,
            weights=self.risk,
            budget_per_day=self.budget_per_day,
            cascade=options.cascade,
            protected=Protected(lambda slot: fingerprint(self.engine.first_text(slot))),
        )
        self.waiting = Waiting()
        self._front: tuple[Looked, Asking] | None = None  # networks are being asked about it
        self.incidents = Incidents(self.alerts, self.budget_per_day)
        self.daily = Daily()
        self.last_risk = 0.0
        self.sightings, self.scores = Sightings(), Scores()
        self.silences = Silences(self.alerts.silence)
        self.away = SilenceAlerts(self.alerts, self.risk, self.budget_per_day)

    # -- bytes in, alerts out

    def open(
        self, source: int, *, offset: int = 0, year: int | None = None, header: str | None = None, resumed: bool = False
    ) -> None:
        """A source begins at `offset` (absolute, bytes), or is `resumed` there. year: of stamps that carry none."""
        if not (resumed and self.engine.resume(source, offset)):
            self.engine.open(source, offset=offset, year=year, header=header)
        self.silences.open(source, self.names(source))

    def feed(self, source: int, block: bytes) -> list[Alert]:
        """The next bytes of a source."""
        return self._gather(self.engine.feed(block, source))

    def settle(self, source: int) -> list[Alert]:
        """The source is quiet: its last record is whole."""
        return self._gather(self.engine.settle(source))

    def close(self, source: int) -> list[Alert]:
        """The source has ended: what is pending, even without a newline, is its last record."""
        alerts = self._gather(self.engine.flush(source))
        self.engine.close(source)
        self.silences.close(source)
        return alerts

    def tick(self, log_time_ns: int) -> list[Alert]:
        """Nothing came until this log time: close the windows and incidents that are due."""
        self.silences.tick(log_time_ns)
        alerts = self._judge(self.windows.tick(log_time_ns))
        if not self.is_waiting:
            return alerts + self._over(log_time_ns)
        self.waiting.add(log_time_ns)
        return alerts

    def heed(self, said: Said) -> bool:
        """Go by what people said, from now on; False when nothing changes by it."""
        anew = self.judge.protected.set(said.real, self.engine.slots)
        return self.incidents.accept(said.normal) or anew

    def consumed(self, source: int) -> int:
        """Absolute offset from which reading has to resume after a restart."""
        return self.engine.consumed(source)

    @property
    def watermark_ns(self) -> int | None:
        """Log time reached."""
        return None if self.windows.watermark == NO_TIME else self.windows.watermark

    def _gather(self, batch: Batch) -> list[Alert]:
        if not len(batch):
            return self.advance() if self.is_waiting else []
        self.sightings.add(batch)
        self.silences.add(batch)
        return self._judge(self.windows.push(batch))

    def _judge(self, closed: WindowBatch) -> list[Alert]:
        if self.is_waiting or (self.answering is not None and self.judge.asked):
            self.waiting.add(closed)
            return self.advance()
        alerts: list[Alert] = []
        at = 0
        while at < len(closed):
            end = min(len(closed), at + self.judge.room)
            alerts += self._report(self.judge.judge(part(closed, at, end)))
            at = end
        return alerts

    # -- what networks are asked about

    @property
    def is_waiting(self) -> bool:
        """Whether windows have closed that are not judged, as a network has not answered."""
        return self._front is not None or len(self.waiting) > 0

    def advance(self, *, wait: bool = False) -> list[Alert]:
        """Judge what networks have answered, in order; with `wait` all there is.

        When more waits than may, the foremost windows are judged without what their networks have not said yet.
        """
        alerts: list[Alert] = []
        while self.is_waiting:
            if self._front is None:
                item = self.waiting.take(self.judge.room)
                if isinstance(item, int):
                    alerts += self._over(item)
                    continue
                if self.answering is None:
                    alerts += self._report(self.judge.judge(item))
                    continue
                looked = self.judge.look(item)
                self._front = (looked, self.answering.ask(looked))
            looked, asking = self._front
            if not self._may_go_on(asking, wait):
                break
            self._front = None
            alerts += self._report(self.judge.decide(looked))
        return alerts

    def _may_go_on(self, asking: Asking, wait: bool) -> bool:
        if asking.is_done:
            return True
        is_over = self.waiting.is_over(self.options.cascade.waiting)
        if wait or (is_over and self.answering is not None and not self.answering.may_skip):
            asking.wait()
            return True
        if is_over:
            asking.give_up()
        return is_over

    def _report(self, verdict: Verdict) -> list[Alert]:
        """Turn the odd windows of a verdict into incidents, and hand the rest to learning."""
        alerts: list[Alert] = []
        learnable, countable = ~verdict.odd, ~verdict.odd
        closed_ns = verdict.windows.closed_ns
        for index in np.flatnonzero(verdict.odd).tolist():
            _, now_ns = span(verdict.windows, index)
            # What is over by the time a window closed is over before it is looked at, wherever blocks were cut.
            alerts += self._over(max(0, int(closed_ns[: index + 1].max())))
            if routine := self._routine(verdict, index, now_ns):
                learnable[index] = countable[index] = self.incidents.adopted(routine, now_ns)
                alerts += self.incidents.count(routine, now_ns, records(verdict.windows, index))
                continue
            if self._is_daily(verdict, index, now_ns):
                continue
            finding = self._finding(verdict, index)
            if self.daily.holds(finding):
                continue
            incident = self.incidents.match(finding, now_ns)
            if incident is None:
                alerts += self.incidents.begin(self.daily.foretold(finding))
                countable[index] = True
                continue
            learnable[index] = countable[index] = self.incidents.adopted(incident, now_ns)
            alerts += self.incidents.extend(incident, finding)
        if len(verdict.windows):
            self.last_risk = verdict.last_risk
            self.scores.observe(verdict.windows, verdict.risk)
            alerts += self._over(max(0, int(closed_ns.max())))
        self.judge.add(verdict, learnable, countable)
        return alerts

    def _over(self, now_ns: int) -> list[Alert]:
        """Incidents that are over by a log time, and what was found away or back before it, in order of time."""
        over = self.incidents.expire(now_ns)
        if not (found := self.silences.due(now_ns)):
            return over
        told = self.away.tell(found, SilenceReader(self.name, self.text, self.engine.first_text, self.show))
        timed = [*((alert.resolved_ns or 0, alert) for alert in over), *told]
        return [alert for _, alert in sorted(timed, key=lambda item: item[0])]

    def _routine(self, verdict: Verdict, index: int, now_ns: int) -> Incident | None:
        if verdict.alarm[index]:
            return None
        real = self.judge.protected.which(verdict.windows, index).cause if verdict.real[index] else ""
        windows, risk = verdict.windows, round(float(verdict.risk[index]), 1)
        is_new = bool(windows.is_new[windows.start[index] : windows.start[index + 1]].any())
        return self.incidents.routine(int(windows.group[index]), risk, now_ns, real, is_new=is_new)

    def _is_daily(self, verdict: Verdict, index: int, now_ns: int) -> bool:
        if verdict.alarm[index] or verdict.real[index]:
            return False
        risk = round(float(verdict.risk[index]), 1)
        return self.daily.is_routine(int(verdict.windows.group[index]), risk, now_ns)

    # -- evidence

    def _finding(self, verdict: Verdict, index: int) -> Finding:
        windows = verdict.windows
        shares, told = shares_of(verdict, index), [*verdict.told(index), "severity"]
        contributions = {
            name: [replace(c, share=c.share * shares[name]) for c in detector.explain(windows, index)]
            for name, detector in self.judge.detectors.items()
            if shares[name] > 0
        }
        contributions["severity"] = [worst(windows, index, shares["severity"])]
        evidence = gather(windows, index, contributions, self._reader())
        begin, end = int(windows.start[index]), int(windows.start[index + 1])
        real = self.judge.protected.which(windows, index) if verdict.real[index] else None
        risk = max(float(verdict.risk[index]), real.risk if real else 0.0)
        began, ended = span(windows, index)
        alert = Alert(
            id=alert_id(self.name, windows, begin, self.names),
            status="firing",
            stream=self.name,
            key=evidence.key,
            title=evidence.reasons[0] if evidence.reasons else "unusual lines",
            risk=round(risk, 1),
            level=level(risk, self.risk),
            anomaly=round(float(verdict.anomaly[index]), 1),
            severity=float(verdict.severity[index]),
            opened_ns=began,
            updated_ns=ended,
            resolved_ns=None,
            windows=1,
            lines_seen=end - begin,
            detectors={name: round(share, 3) for name, share in shares.items() if name in told},
            scores={name: round(float(of[index]), 1) for name, of in verdict.anomalies.items() if name in told},
            templates=evidence.templates,
            lines=evidence.lines,
            reasons=[*evidence.reasons, real.reason] if real else evidence.reasons,
            hosts=evidence.hosts,
        )
        alarm = real.cause if real else evidence.worst if verdict.alarm[index] else ""
        return Finding(alert, int(windows.group[index]), evidence.causes, alarm)

    def _reader(self) -> Reader:
        return Reader(
            text=self.text,
            name=self.names,
            masked=self._masked,
            first=self.engine.first_text,
            nearest=lambda slot: nearest(self.engine, self.show, slot),
            fingerprint=fingerprint,
            show=self.show,
        )

    def _masked(self, line: bytes, source: int) -> tuple[str, str, str, str]:
        seen = self.engine.explain(line, source)
        named = f"is at level {_LEVELS[(seen.otel + 3) // 4]}" if seen.otel else ""
        says = f'says "{seen.rule}"' if seen.rule else named
        return seen.masked, self.show.key(seen.key or ""), says, self.show.host(seen.host)

    # -- state and status

    def templates(self) -> list[Template]:
        """All templates mined so far, with when they were seen."""
        return self.sightings.dated(self.engine.templates(), self.engine.slots(), self.silences.clock.sure)

    def status(self) -> dict[str, Any]:
        """Counters and gauges as plain numbers."""
        return {
            "stream": self.name,
            "templates": self.engine.counters()["clusters"],
            "windows": self.judge.seen,
            "warmup": self.judge.warmup_ratio,
            "windows_per_day": self.judge.windows_per_day,
            "watermark_ns": self.watermark_ns,
            "risk": self.last_risk,
            "open_windows": self.windows.open_windows,
            "open_incidents": len(self.incidents.open) + len(self.away.open),
            "suppressed_incidents": self.incidents.suppressed + self.away.suppressed,
            "detector_failures": dict(self.judge.failures),
            "detector_errors": dict(self.judge.errors),
            "models": {name: tally.told(self.judge.detectors[name]) for name, tally in self.judge.asked.items()},
            "waiting_windows": self.waiting.windows + (len(self._front[0].windows) if self._front else 0),
            "daily_jobs": self.daily.held_back,
            "engine": self.engine.counters(),
            "engine_kind": type(self.engine).__name__,
            "window": self.windows.counters(),
        }

    def save(self) -> dict[str, bytes]:
        """Everything learned, by part; the same input gives the same bytes.

        Windows that wait for a network are a part of it, and of their alerts none is in what was returned so far.
        """
        waiting = self.waiting.state(self._front[0].windows if self._front else None)
        protected = self.judge.protected.save()
        return (
            ({"waiting": pack(waiting)} if waiting else {})
            | {
                "engine": self.engine.save(),
                "windows": self.windows.save(),
                "judge": pack(self.judge.state()),
                "incidents": self.incidents.save(),
                "daily": self.daily.save(),
                "sightings": pack(self.sightings.state()),
                "silences": self.silences.save(),
                "away": self.away.save(),
            }
            | ({"protected": protected} if protected else {})
        )

    def load(self, parts: Mapping[str, bytes]) -> None:
        """Take over saved parts. Raises ValueError when they are damaged or not for this configuration."""
        try:
            engine = self.engine.load(parts["engine"], self.engine.config)
            windows = Windows.load(parts["windows"], self.options.windows)
            self._blank()
            self.judge.restore(unpack(parts["judge"]))
            self.incidents.load(parts["incidents"])
            if "daily" in parts:  # saved by a version that knew of them
                self.daily.load(parts["daily"])
            if "protected" in parts:
                self.judge.protected.load(parts["protected"])
            self.waiting.restore(unpack(parts["waiting"]) if "waiting" in parts else {})
            self.sightings.restore(unpack(parts["sightings"]) if "sightings" in parts else {})
            if "silences" in parts and "away" in parts:  # saved by a version that knew of them
                self.silences.load(parts["silences"])
                self.away.load(parts["away"])
        except KeyError as missing:
            self._blank()
            raise ValueError(f"saved state of stream {self.name} lacks {missing}") from None
        except ValueError:
            self._blank()
            raise
        self.engine, self.windows = engine, windows
