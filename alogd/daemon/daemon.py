"""The running daemon: starts everything, follows signals, reloads, answers the web, and stops in one way only.

Shutdown, whatever caused it: stop collectors -> drain -> commit -> flush sinks (deadline) -> close -> exit code.
"""

from __future__ import annotations

import asyncio
import gc
import os
import random
import signal
import sys
import time
from collections.abc import Callable

from alogd import __version__
from alogd.clock import SystemClock
from alogd.config.tree import Config
from alogd.daemon.memory import give_back
from alogd.daemon.notify import Notifier, Standing
from alogd.daemon.pipeline import Pipeline
from alogd.daemon.plans import plans
from alogd.daemon.progress import Progress, stopped
from alogd.daemon.serving import Serving
from alogd.daemon.view import Looker, View
from alogd.event import Template
from alogd.judging.scores import Point
from alogd.logs import Output, configure, get_logger, is_console, stderr_is_terminal
from alogd.models import watch as models_watch
from alogd.sinks.base import build_outlets
from alogd.sinks.outlets import Outlets
from alogd.state.database import StateUnusable
from alogd.state.store import Store

BAD_CONFIG = 78
STOP_SECONDS = 30.0  # for collectors, core and the last commit
LOOK_EVERY = 1.0  # seconds between looks at how things stand
LOOK_SHARE, LOOK_SHARE_IDLE = 9, 100  # or so many times what one takes, as it does of thousands of sources,
LOOK_LEAST, LOOK_LEAST_IDLE = 3.0, 15.0  # but at most so many
GIVE_BACK_EVERY = 60.0  # seconds between two times free memory goes back to the system
HTTP_AFTER = 2.0  # seconds reading has the machine for itself, unless it begins sooner, before the web is imported
ONCE_TRIES = 3  # restarts of a stream after which `once` gives up

log = get_logger("daemon")


async def run(
    config: Config,
    *,
    config_path: str | None = None,
    once: bool = False,
    reload: Callable[[], Config] | None = None,
    progress: Callable[[str], None] | None = None,
    command: str = "alogd",
) -> int:
    """Follow the logs until a signal (or, with `once`, until all there is was read); returns the exit code.

    reload: loads the configuration anew; raises ValueError or OSError when it is bad. progress: is given lines for a
    person; by default they go to standard error when the log is in console form. command: how they call alogd.
    """
    output = Output(2)
    configure(config.log, output, terminal=stderr_is_terminal())
    daemon = Daemon(
        config, config_path or "defaults", output, once=once, reload=reload, progress=progress, command=command
    )
    try:
        return await daemon.main()
    except (StateUnusable, ValueError) as error:
        output.write(f"alogd: {error}")
        return getattr(error, "exit_code", BAD_CONFIG)
    finally:
        output.flush()


class Daemon:
    """One run."""

    def __init__(
        self,
        config: Config,
        config_name: str,
        output: Output,
        *,
        once: bool,
        reload: Callable[[], Config] | None,
        progress: Callable[[str], None] | None,
        command: str,
    ) -> None:
        self._config = config
        self._config_name = config_name
        self._output = output
        self._once, self._command = once, command
        self._load = reload
        self._say = progress or (output.write if is_console(config.log, stderr_is_terminal()) else None)
        self._clock = SystemClock()
        self._chance = random.Random()  # noqa: S311 - jitter
        self._notifier = Notifier()
        self._started = time.time()
        self._config_ok, self._config_time = True, time.time()
        self._over = asyncio.Event()
        self._signals = self._code = 0
        self._reload_asked: asyncio.Future[str | None] | None = None
        self._reload_wake = asyncio.Event()
        self.store = Store()
        self._outlets = Outlets(self.store, self._clock, self._chance)
        self._pipeline = Pipeline(
            self.store,
            self._clock,
            checkpoint_interval=config.state.checkpoint_interval,
            on_commit=self._outlets.wake,
            chance=self._chance,
            may_skip=not once,
        )
        self._looker = Looker(self._pipeline, self.store)
        self._serving = Serving(self)
        self._group: asyncio.TaskGroup | None = None

    async def main(self) -> int:
        """Raises StateUnusable, ValueError before anything was begun."""
        planned = plans(self._config)
        outlets, sinks = build_outlets(self._config)
        await self.store.open(self._config.state.directory)
        self.store.go_by(self._config)
        try:
            async with asyncio.TaskGroup() as group:
                self._group = group
                self._catch_signals()
                pipeline = group.create_task(self._pipeline.run(planned, self._over), name="pipeline")
                await self._outlets.apply(group, outlets, sinks)
                beside = [
                    group.create_task(self._watch(), name="watch"),
                    group.create_task(self._feed_watchdog(), name="watchdog"),
                    group.create_task(self._serve(), name="http"),
                    group.create_task(self._reload_when_asked(), name="reload"),
                    group.create_task(models_watch.watch(lambda: self._config, self._pipeline.apply), name="models"),
                ]
                await self._over.wait()
                self._notifier.send("STOPPING=1", "STATUS=stopping")
                await self._stopped(pipeline)
                for task in beside:
                    task.cancel()
                await asyncio.wait(beside)
                await self._outlets.flush()
                self._tell(stopped(self.store.problem))
                await self._serving.close()
            return self._code
        except BaseExceptionGroup as group_error:
            log.critical("the daemon failed", exc_info=group_error)
            return 1
        finally:
            self._release_signals()
            await self.store.close()

    def stop(self) -> None:
        """End in the orderly way."""
        self._over.set()

    # What the web asks

    async def view(self) -> View:
        """The daemon at this moment."""
        streams = await self._looker.streams()
        sinks = self._outlets.ways
        reasons = [f"stream {s.name}: {s.problem}" for s in streams if s.problem]
        reasons += [f"stream {s.name}: {slot}: {why}" for s in streams for slot, why in s.collectors.items() if why]
        reasons += [f"sink {way.sink.name}: {way.problem}" for way in sinks if way.problem]
        reasons += [f"state: {self.store.problem}"] if self.store.problem else []
        reasons += [f"http: {self._serving.problem}"] if self._serving.problem else []
        reasons += [] if self._config_ok else ["the last reload failed; the configuration before it is in force"]
        reasons += ["stopping"] if self._over.is_set() else []
        reads = any(s.up and (not s.collectors or not all(s.collectors.values())) for s in streams)
        gate = self._serving.gate
        return View(
            version=__version__,
            started=self._started,
            ready=reads and not self._over.is_set(),
            reasons=reasons,
            streams=streams,
            sinks=self._looker.sinks(sinks),
            state_problem=self.store.problem,
            state_last_commit=self.store.last_commit,
            state_failed_commits=self.store.failed_commits,
            state_recovered=dict(self.store.recovered),
            save_pauses=list(self._pipeline.save_pauses.counts),
            save_pause_sum=self._pipeline.save_pauses.sum,
            config_ok=self._config_ok,
            config_time=self._config_time,
            log_lines_dropped=self._output.dropped,
            core_jobs=self._pipeline.progress,
            http={"connections": len(gate.open), **gate.refused} if gate else {},
        )

    async def templates(self, stream: str) -> list[Template] | None:
        return await self._pipeline.ask(lambda runner: runner.core.templates(), stream)

    async def scores(self, stream: str, begin_ns: int | None, end_ns: int | None, points: int) -> list[Point] | None:
        return await self._pipeline.ask(lambda runner: runner.core.scores.between(begin_ns, end_ns, points), stream)

    # Reload

    async def reload(self) -> str | None:
        """Read the configuration again; None when it is in force, else why not. Many asks at once are one reload."""
        if self._reload_asked is None:
            self._reload_asked = asyncio.get_running_loop().create_future()
            self._reload_wake.set()
        return await asyncio.shield(self._reload_asked)

    async def _reload_when_asked(self) -> None:
        while True:
            await self._reload_wake.wait()
            self._reload_wake.clear()
            asked, self._reload_asked = self._reload_asked, None
            problem = await self._reload()
            if asked is not None:
                asked.set_result(problem)

    async def _reload(self) -> str | None:
        if self._load is None:
            return "it was started without a configuration file"
        self._notifier.send("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")
        try:
            config = await asyncio.to_thread(self._load)
            await self._apply(config)
        except (ValueError, OSError) as error:
            self._config_ok = False
            log.error("the configuration is bad; the old one stays", error=str(error))
            return str(error)
        finally:
            self._notifier.send("READY=1")
        self._config_ok, self._config_time = True, time.time()
        log.info("the configuration was read again", name=self._config_name)
        return None

    async def _apply(self, config: Config) -> None:
        """All or nothing up to the listening address, which is the last thing that can refuse."""
        if config.state.directory != self._config.state.directory:
            raise ValueError("state.directory cannot change while alogd runs; restart it")
        planned = plans(config)
        outlets, sinks = build_outlets(config)
        if self._group is None:
            raise ValueError("the daemon does not run yet")
        if config.http != self._config.http:
            await self._serving.move(config.http, self._config.http)
        self._config = config
        self.store.go_by(config)
        configure(config.log, self._output, terminal=stderr_is_terminal())
        self._pipeline.checkpoint_interval = config.state.checkpoint_interval
        await self._outlets.apply(self._group, outlets, sinks)
        await self._pipeline.apply(planned)

    # Beside the flow

    async def _serve(self) -> None:
        """Begin to serve once reading has begun: importing the web takes longer than reading the first lines."""
        try:
            async with asyncio.timeout(HTTP_AFTER):
                await self._pipeline.first_byte.wait()
                log.debug("reading has begun")
        except TimeoutError:
            pass
        gc.collect()
        gc.freeze()  # what start-up made stays, and need not be looked through again and again
        gc.enable()
        await self._serving.begin(lambda: self._config.http)

    async def _watch(self) -> None:
        """Says how things stand: to a person, to the service manager, and to `once`."""
        told = Progress(
            state_directory=self._config.state.directory,
            config_name=self._config_name,
            command=self._command,
            once=self._once,
        )
        standing = Standing(self._notifier)
        begun = self._clock.monotonic()
        said_where, given_back = False, -GIVE_BACK_EVERY
        while True:
            spent = time.thread_time()
            view = await self.view()
            now = self._clock.monotonic()
            for line in told.lines(view, now):
                self._tell(line)
            if told.is_over and self._serving.url and not said_where:
                said_where = True
                first, *more = told.where(self._serving.url)
                for line in (first, *(more if self._say is not None else ())):  # how to stop it, a person asks
                    self._tell(line)
            standing.tell(view, told.is_over, now - begun)
            if told.is_over and now - given_back >= GIVE_BACK_EVERY:
                given_back = now
                give_back()
            if self._is_done(view):
                if self._once and view.nothing_can_be_read:
                    log.error("nothing of what there is to read can be read")
                    self._code = 1
                self._pipeline.end_with_input()
                self._over.set()
            elif self._once and (failed := [s for s in view.streams if s.restarts >= ONCE_TRIES and not s.up]):
                log.error("giving up", stream=failed[0].name, error=failed[0].problem)
                self._code = 1
                self._over.set()
            await asyncio.sleep(_pause(told.is_over, view.caught_up and not self._once, time.thread_time() - spent))

    def _tell(self, line: str) -> None:
        if self._say is not None:
            self._say(line)
        else:
            log.info(line)

    def _is_done(self, view: View) -> bool:
        """Nothing will come any more: asked for `once`, or every input has ended."""
        if self._once:
            return bool(view.streams) and all(stream.caught_up for stream in view.streams)
        members = self._pipeline.members.values()
        return bool(members) and all(m.runner and m.ended >= set(m.runner.collectors) for m in members)

    async def _feed_watchdog(self) -> None:
        """A ping stands for progress of the core, or for there being nothing to do; never for a timer alone."""
        seconds = self._notifier.watchdog_seconds
        if seconds is None:
            return
        seen = -1
        while True:
            if self._pipeline.progress != seen or self._pipeline.is_idle:
                self._notifier.send("WATCHDOG=1")
            seen = self._pipeline.progress
            await asyncio.sleep(seconds / 4)

    async def _stopped(self, pipeline: asyncio.Task[None]) -> None:
        """Give the pipeline its time; a core that hangs must not hold the exit."""
        done, _ = await asyncio.wait([pipeline], timeout=STOP_SECONDS)
        if not done:
            log.critical("the core does not come to an end; leaving without a last commit")
            self._leave(1)

    # Signals

    def _catch_signals(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._on_stop, number)
        loop.add_signal_handler(signal.SIGHUP, self._on_hangup)

    def _release_signals(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            loop.remove_signal_handler(number)

    def _on_stop(self, number: int) -> None:
        self._signals += 1
        if self._signals > 1:
            log.warning("told twice; leaving at once")
            self._leave(128 + number)
        log.info("stopping", signal=signal.Signals(number).name)
        self._over.set()

    def _on_hangup(self) -> None:
        if self._reload_asked is None:
            self._reload_asked = asyncio.get_running_loop().create_future()
            self._reload_wake.set()

    def _leave(self, code: int) -> None:
        self._output.flush(0.5)
        sys.stdout.flush()
        os._exit(code)


def _pause(over: bool, idle: bool, spent: float) -> float:
    """Seconds until the next look, after one that took the processor for `spent`."""
    pause = LOOK_EVERY if over else LOOK_EVERY / 10
    share, least = (LOOK_SHARE_IDLE, LOOK_LEAST_IDLE) if over and idle else (LOOK_SHARE, LOOK_LEAST)
    return max(pause, min(least, share * spent))
