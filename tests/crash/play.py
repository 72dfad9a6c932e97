"""One life of the gateway after another, on one record."""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from gateway.audit.damage import BadKind
from gateway.audit.heads import load_keys
from gateway.audit.keys import KeyUse, make_keys
from gateway.audit.verify import Report, verify
from gateway.demo.database import Database
from tests.crash.afar import Afar
from tests.crash.clients import FIRST_MARK, Crowd
from tests.crash.judge import Verdict
from tests.crash.lives import Life, Nest, kill, tail
from tests.crash.stage import Stage

SEGMENT_BYTES: Final = 256 * 1024  # small, so that segments are begun under load, too
_START_S: Final = 60.0  # to wait for a start on a busy machine
_MARKS: Final = 1_000_000  # of one life
_AS_A_USER: Final = 20  # one life of so many is started as a user would
_TORN: Final = 5  # one of so many ends is torn, as the kernel hardly ever does it
_LOOK: Final = 100  # after so many the whole record is verified


@dataclass(slots=True)
class Story:
    """What all lives came to."""

    total: Verdict = field(default_factory=Verdict)
    moments: Counter[str] = field(default_factory=Counter)
    torn_by_kill: int = 0
    torn_by_hand: int = 0
    report: Report | None = None
    starts: list[float] = field(default_factory=list)  # seconds from a start to the first answer
    seconds: float = 0.0


class Player:
    """Plays lives. To be closed."""

    def __init__(
        self, root: Path, database: Database, seed: int, say: Callable[[str], object] = str, *, remote: bool = False
    ) -> None:
        """``root``: an empty folder for the gateway's files. ``remote``: each statement waits for a log server."""
        self._say = say
        self._chance = random.Random(seed)
        (root / "house").mkdir()
        key = root / "signing.pem"
        self._keys = load_keys([make_keys(key, KeyUse.SIGNING)])
        signing = {"key": str(key), "interval": 1}
        record: dict[str, Any] = {"segment_bytes": SEGMENT_BYTES, "signing": signing}
        self._afar = Afar() if remote else None
        since = None
        if self._afar is not None:
            record |= self._afar.settings()
            since = self._afar.since
        self._stage = Stage(root / "house", database, record, since)
        self._nest = Nest()
        self._start_s = 1.5  # what the last start took
        self.story = Story()

    def close(self) -> None:
        """Stop what was started."""
        self._nest.close()
        self._stage.close()
        if self._afar is not None:
            self._afar.close()

    def play(self, kills: int) -> Story:
        """So many lives, then one that ends in good order."""
        began = time.monotonic()
        story = self.story
        for number in range(1, kills + 1):
            story.total.add(self._life(number))
            if number % 10 == 0 or number == kills:
                each = (time.monotonic() - began) / number
                self._say(f"{number} killed, {story.total.executed} statements sent, {each:.2f} s each")
            if number % _LOOK == 0:
                self._look(BadKind.HEAD_MISSING)  # of lives too short to sign anything: the next one does
            if story.total.wrong:
                break
        self._last()
        self._look()
        story.torn_by_kill, story.torn_by_hand = len(self._stage.ledger.torn), len(self._stage.ledger.torn_by_hand)
        story.seconds = time.monotonic() - began
        return story

    def _look(self, *but: BadKind) -> None:
        report = self.story.report = verify(self._stage.record, keys=self._keys)
        bad = [one for one in report.bad if one.kind not in but]
        if bad:
            self.story.total.wrong.append(f"the chain does not verify: {bad[0]}")

    def _life(self, number: int) -> Verdict:
        life: Life
        moment = self._chance.choices(("start", "time", "sent"), (15, 40, 45))[0]
        self.story.moments[moment] += 1
        crowd = Crowd(self._stage.connect, random.Random(self._chance.random()), FIRST_MARK + number * _MARKS)
        killed: list[float] = []
        gone = threading.Event()

        def end() -> None:
            killed.append(time.monotonic())
            gone.set()
            kill(life)

        ready = threading.Event()
        after = self._chance.randint(1, 150)

        def on_executed(count: int) -> None:
            if count >= after and not gone.is_set() and ready.wait(5):
                end()

        seen = self._stage.tap.begin(on_executed if moment == "sent" else None)
        began = time.monotonic()
        life = (
            self._stage.serve() if number % _AS_A_USER == 0 else self._nest.hatch(self._stage.config, self._stage.log)
        )
        ready.set()
        crowd.start()
        if moment == "start":
            time.sleep(self._chance.uniform(0, self._start_s))
            end()
        elif moment == "time":
            self._await(crowd.working, life)
            self._start_s = time.monotonic() - began
            self.story.starts.append(self._start_s)
            time.sleep(self._chance.uniform(0, 0.6))
            end()
        else:
            self._await(gone, life)
        status = life.ended()
        verdict = self._stage.judge(seen, crowd, killed[0])
        if status != -9:
            verdict.wrong.append(f"the gateway ended by itself ({status}):\n{tail(self._stage.log)}")
        if self._chance.randrange(_TORN) == 0 and verdict.entries:
            self._stage.ledger.tear(self._chance.random())
        return verdict

    def _last(self) -> None:
        """It starts once more and is told to stop: it marks what the last kill tore."""
        crowd = Crowd(self._stage.connect, random.Random(0), FIRST_MARK)
        seen = self._stage.tap.begin(None)
        life = self._nest.hatch(self._stage.config, self._stage.log)
        crowd.start()
        self._await(crowd.working, life)
        killed_at = time.monotonic()
        os.kill(life.pid, signal.SIGTERM)
        status = life.ended()
        verdict = self._stage.judge(seen, crowd, killed_at)
        if status != 0:
            verdict.wrong.append(f"the gateway did not end in good order ({status}):\n{tail(self._stage.log)}")
        self.story.total.add(verdict)

    def _await(self, event: threading.Event, life: Life) -> None:
        deadline = time.monotonic() + _START_S
        while not event.wait(0.05):
            ended = not life.alive() and not event.is_set()  # in this order: it may be what the event is about
            if ended or time.monotonic() > deadline:
                kill(life)
                raise RuntimeError(f"the gateway did not serve:\n{tail(self._stage.log)}")
