"""`sekisho audit tail`: the last of the record, and what is written from now on, readably."""

from __future__ import annotations

import json
import time
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from gateway.cli_query import filters, seconds
from gateway.cli_reading import Readable, readable, record_options
from gateway.console import GOOD, reporting_problems
from gateway.reports.query.questions import Accesses

if TYPE_CHECKING:
    from gateway.audit.follow import Follower
    from gateway.reports.live import Entry, Live

_POLL: Final = 0.25  # seconds
_LOOK: Final = 1.0  # seconds between two looks for new writers
_SEGMENTS: Final = 8  # of each writer, in which a decision is looked for that an execution shown is under
_WINDOWS: Final = (1 << 20, 1 << 24)  # bytes of each writer in which the last entries are looked for, then all


@click.command("tail")
@record_options
@filters
@click.option("-n", "--lines", type=click.IntRange(min=0), default=20, show_default=True, help="How many at first.")
@click.option("-f", "--follow", is_flag=True, help="Go on with what is written from now on, until Ctrl-C.")
@click.option("--json", "as_json", is_flag=True, help="Print entries as they are, one JSON document a line.")
@reporting_problems
def tail_command(
    directory: Path | None,
    config_path: Path,
    unrecorded: bool,
    lines: int,
    follow: bool,
    as_json: bool,
    **wanted: Any,
) -> int:
    """Print the last entries of the record, readably: when, what was answered, to whom, from where, about what, by
    which rule, how many rows. Whether you may read it is decided by the rules, and recorded.

    \b
    sekisho audit tail
    sekisho audit tail --follow --effect deny
    sekisho audit tail --country CN -n 100 --json | jq .findings
    """
    from gateway.audit.follow import Follower
    from gateway.audit.segments import find_decision, list_segments
    from gateway.inquiry import Looking, Reading
    from gateway.reports.live import Live

    accesses = Accesses(**wanted)
    reading = Reading(
        what=Looking.DECISIONS, entity=accesses.entity, since=seconds(accesses.since), until=seconds(accesses.until)
    )

    def ask() -> Readable:
        return readable(directory, config_path, unrecorded, reading, f"audit tail: {accesses.told() or 'everything'}")

    record = ask()

    def find(decision_id: str) -> Entry | None:
        segments = [one for chain in list_segments(record.folder).values() for one in chain[-_SEGMENTS:]]
        line = find_decision(sorted(segments, key=lambda one: one.number, reverse=True), decision_id)
        return None if line is None else json.loads(line)

    size = sum(one.path.stat().st_size for chain in list_segments(record.folder).values() for one in chain)
    for window in (*_WINDOWS, size):
        live, follower = Live(accesses, reading, find), Follower.of_last(record.folder, window)
        last = deque(live.shown(_all(follower)), maxlen=lines)
        if len(last) >= lines or window >= size:
            break
    _print(last, as_json)
    if follow:
        try:
            _follow(follower, live, record, ask, as_json)
        except KeyboardInterrupt:
            click.echo(err=True)
    return GOOD


def _all(follower: Follower) -> Iterator[Entry]:
    """What is there, in the order of time: writers have chains of their own."""
    found = []
    while batch := follower.read():
        found += [line.entry for line in batch]
    return iter(sorted(found, key=lambda entry: at if isinstance(at := entry.get("at_us"), int) else 0))


def _follow(follower: Follower, live: Live, record: Readable, ask: Callable[[], Readable], as_json: bool) -> None:
    looked = time.monotonic()
    while True:
        if time.time() >= record.until:  # an answer of the rules is good for so long
            record = ask()
        if time.monotonic() - looked > _LOOK:
            follower.look()
            looked = time.monotonic()
        batch = follower.read()
        _print(live.shown(line.entry for line in batch), as_json)
        if not batch:
            time.sleep(_POLL)


def _print(found: Any, as_json: bool) -> None:
    for entry, line in found:
        click.echo(json.dumps(entry, ensure_ascii=False) if as_json else line)
