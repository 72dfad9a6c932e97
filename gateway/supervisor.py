"""``sekisho serve --workers N``: starts the workers, starts again those that end, and ends with them.

It moves no byte of any client and judges nothing. It holds what is the gateway's as a whole: the record's folder, the
addresses, the volume and its file. Each worker is a program of its own (`gateway.worker`), with a chain of its own in
the record and a twin of its own.

A start is of all: no door opens before every worker is ready to open its own, and where one cannot start none does; its
problems are then told once. Later a worker that ends is started again, after a wait that grows while it keeps ending;
if it was the last one and does so again and again, the supervisor gives up, so that whoever watches it sees it. SIGTERM
ends all in good order, within the time they have for that.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import logging
import signal
import sys
import time
from importlib.metadata import version
from typing import Final

from gateway.audit.folder import lock_for_workers
from gateway.audit.segments import FileCalls
from gateway.config import Config
from gateway.doors.claims import claimed
from gateway.errors import ConfigError
from gateway.facts.sightings import Sightings
from gateway.facts.volume import VolumeCounter
from gateway.links import offspring
from gateway.links.hub import Hub
from gateway.links.ship_begin import ship_for_workers
from gateway.links.siblings import Hello
from gateway.links.sources import hash_key
from gateway.links.tasks import TaskGroup
from gateway.links.volume_file import CountsFile, volume_file

_log = logging.getLogger(__name__)
_PROGRAM: Final = "import sys; from gateway.worker import main; sys.exit(main())"
_SHORTEST: Final = 0.1  # seconds before a worker that ended is started again; twice as long each time
_LONGEST: Final = 30.0
_STEADY: Final = 10.0  # seconds after which a worker counts as one that runs
_ATTEMPTS: Final = 5  # of the last worker, one after the other
_DOORS: Final = 15.0  # seconds the other doors and the record have to close, beside the drain time of sessions


async def supervise(config: Config, workers: int) -> None:
    """Run a gateway of several workers until SIGTERM or SIGINT. Raises ConfigError where they cannot start, or could
    not end in good order."""
    if sys.platform != "linux":
        raise ConfigError(["--workers: more than one needs Linux; elsewhere connections would not be spread over them"])
    ending = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ending.set)
    with contextlib.ExitStack() as held:
        try:
            held.callback(lock_for_workers(config.record.directory, FileCalls()).close)
        except OSError as error:
            why = f"record: the folder {config.record.directory} cannot be used: {error.strerror or error}"
            raise ConfigError([why]) from None
        listeners = held.enter_context(claimed(config.listeners))
        hash_key(config)  # made now, if it is not there: not by several at a time
        volume = volume_file(config.record.directory)
        await Supervisor(dataclasses.replace(config, listeners=listeners), workers, volume, ending).run()


class Supervisor:
    """The workers of one gateway."""

    def __init__(self, config: Config, workers: int, volume: CountsFile[VolumeCounter], ending: asyncio.Event) -> None:
        """``ending`` is set when all are to end."""
        self._config = config
        self._workers = workers
        self._numbers = range(1, workers + 1)
        self._volume = volume
        self._ending = ending
        self._sightings = Sightings.of(config.limits)
        self._hub = Hub(workers, volume.counter, self._sightings, self._kill)
        self._tasks = TaskGroup()
        self._processes: dict[int, asyncio.subprocess.Process] = {}
        self._started = False
        self._problems: list[str] = []

    async def run(self) -> None:
        """From the first start to the last end. Raises ConfigError."""
        shippers = ship_for_workers(self._config, self._hub)
        self._tasks.spawn(self._volume.run(), "save volume")
        self._tasks.spawn(self._hub.watch(), "watch workers")
        keeping = [self._tasks.spawn(self._keep(number), f"worker {number}") for number in self._numbers]
        await self._start()
        await self._ending.wait()
        _log.info("stopping")
        await self._stop(keeping)
        if shippers is not None:  # when no worker writes any more
            await shippers.close()
        await self._tasks.cancel()
        await self._hub.close()
        await self._volume.save()
        if self._problems:
            raise ConfigError(list(dict.fromkeys(self._problems)))  # most often all have the same

    async def _start(self) -> None:
        await self._until(self._hub.all_prepared)
        if not self._ending.is_set():
            self._hub.let_open()
            await self._until(self._hub.all_open)
        if not self._ending.is_set():
            self._started = True
            _log.info("started", extra={"version": version("sekisho"), "workers": self._workers})

    async def _until(self, reached: asyncio.Event) -> None:
        """Until that, or the end."""
        waiting = [self._tasks.spawn(one.wait(), "wait") for one in (reached, self._ending)]
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        for one in waiting:
            one.cancel()

    async def _stop(self, keeping: list[asyncio.Task[None]]) -> None:
        self._hub.stop()
        patience = self._config.limits.drain_timeout_ms / 1000 + _DOORS
        _, late = await asyncio.wait(keeping, timeout=patience)
        while late:
            for number in list(self._processes):
                self._kill(number)
            _, late = await asyncio.wait(late, timeout=1)  # one may just be starting

    def _kill(self, number: int) -> None:
        """It does not answer, or does not end."""
        _log.error("worker_killed", extra={"worker": number})
        with contextlib.suppress(ProcessLookupError):  # it has just ended
            self._processes[number].kill()

    # -- one worker -----------------------------------------------------------------------------------------------

    async def _keep(self, number: int) -> None:
        """Run one worker, and another in its place when it ends, until all end."""
        try:
            await self._run_many(number)
        finally:
            if not self._ending.is_set():  # by an error nobody foresaw, which is logged; nobody would start it again
                self._problems.append(f"worker {number} could not be watched any longer")
                self._ending.set()

    async def _run_many(self, number: int) -> None:
        again, failures = "", 0
        while not self._ending.is_set():
            began = time.monotonic()
            code = await self._run_one(number, again)
            problems = self._hub.gone(number).problems
            again = _how(code)
            if self._ending.is_set():
                if code:
                    self._problems += problems or [f"worker {number} {again}"]
                return
            if not self._started:
                self._problems += problems or [f"worker {number} {again} before it was ready"]
                self._ending.set()
                return
            failures = 0 if time.monotonic() - began >= _STEADY else failures + 1
            wait = min(_LONGEST, _SHORTEST * 2 ** min(failures, 16))
            details = {"worker": number, "how": again, "problems": list(problems), "again_in": wait}
            _log.error("worker_ended", extra=details)
            if failures >= _ATTEMPTS and not self._hub.serving:
                self._problems += problems or [f"worker {number}, the last one, {again} again and again"]
                self._ending.set()
                return
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait):
                    await self._ending.wait()
            self._hub.started_again()

    async def _run_one(self, number: int, again: str) -> int:
        """Start a worker and wait for its end; its exit code, negative where a signal ended it."""
        process, ours = await offspring.start(_PROGRAM)
        self._processes[number] = process
        await self._hub.seat(number, ours)
        # Taken when the line is there already, and nothing comes in between: what goes out from now on is told on it.
        hello = Hello(
            config=self._config,
            number=number,
            of=self._workers,
            volume=self._volume.counter.snapshot(),
            sightings=self._sightings.snapshot(),
            again=again,
        )
        await offspring.hand_over(process, hello)
        code = await process.wait()
        del self._processes[number]
        return code


def _how(code: int) -> str:
    """How a process ended."""
    return f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
