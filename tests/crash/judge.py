"""The comparison of three witnesses: the tap, the clients, the record."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from tests.crash.clients import Asked
from tests.crash.ledger import Said
from tests.crash.tap import Seen

_GOOD = "00000"
_REFUSED = ("42501", "42703")  # a denial, and the server's own complaint about a misspelt name


@dataclass(slots=True)
class Verdict:
    """Of one life, or of all of them."""

    executed: int = 0  # statements that went to the server
    told: Counter[str] = field(default_factory=Counter)  # by SQLSTATE
    ways: Counter[str] = field(default_factory=Counter)
    entries: int = 0
    ahead: int = 0  # entries of statements that were allowed, and the kill came before they were sent
    afar: int = 0  # statements whose entry a log server far away had before
    late: list[float] = field(default_factory=list)  # seconds from an answer to the kill: its completion is missing
    wrong: list[str] = field(default_factory=list)

    def add(self, other: Verdict) -> None:
        """Add another life."""
        self.executed += other.executed
        self.entries += other.entries
        self.ahead += other.ahead
        self.afar += other.afar
        self.told += other.told
        self.ways += other.ways
        self.late += other.late
        self.wrong += other.wrong


def judge(
    seen: Seen,
    asked: Mapping[int, Asked],
    said: Said,
    *,
    killed_at: float,
    hashed: Callable[[str], str],
    since: Mapping[str, float] | None = None,
) -> Verdict:
    """What the record owes to whom. ``since``: the moment a log server far away acknowledged each decision, where
    every statement waits for that."""
    verdict = Verdict(executed=seen.executed.total(), entries=said.entries)
    for mark in (seen.executed.keys() | seen.parsed) - asked.keys():
        verdict.wrong.append(f"the tap saw a statement that nobody of this life asked: {mark}")
    for mark, one in asked.items():
        key = hashed(one.text)
        entries, refusals = said.allowed.get(key, []), said.refused.get(key, 0)
        sent = max(seen.executed[mark], mark in seen.parsed)
        good = [at for sqlstate, at in one.told if sqlstate == _GOOD]
        refused = sum(sqlstate in _REFUSED for sqlstate, _ in one.told)
        verdict.told.update(sqlstate for sqlstate, _ in one.told)
        verdict.ways[one.way] += len(one.told)
        if sent > len(entries):
            verdict.wrong.append(f"sent {sent} times, recorded {len(entries)} times ({one.way}): {one.text}")
        if len(good) > len(entries):
            verdict.wrong.append(f"answered {len(good)} times, recorded {len(entries)} times ({one.way}): {one.text}")
        if refused > refusals:
            verdict.wrong.append(f"refused {refused} times, recorded {refusals} times ({one.way}): {one.text}")
        if sent and not entries:
            verdict.wrong.append(f"sent without having been allowed ({one.way}): {one.text}")
        if since is not None:
            verdict.afar += seen.executed[mark]
            early = _early(seen.when.get(mark, []), [since[entry] for entry in entries if entry in since])
            if early:
                verdict.wrong.append(f"sent {early:.4f} s before its entry was acknowledged ({one.way}): {one.text}")
        verdict.ahead += max(0, len(entries) - sent)
        missing = len(good) - sum(entry in said.completed for entry in entries)
        if missing > 0:
            verdict.late += [killed_at - at for at in good[-missing:]]
    return verdict


def _early(sent: Sequence[float], acknowledged: Sequence[float]) -> float:
    """By how many seconds a statement was sent too early, at the most: each needs an acknowledgement of its own that
    was there before."""
    there = sorted(acknowledged) + [float("inf")] * len(sent)
    return max((first - at for at, first in zip(sorted(sent), there, strict=False) if first > at), default=0.0)
