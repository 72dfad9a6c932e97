"""Lines and summaries of both corpora."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from tests.bypass.housekeeping import Answer
from tests.bypass.judge import Result


def line(result: Result) -> str:
    """One case: id, verdict, leaked, touches, reason."""
    parts = [f"{result.id:<5} {result.expected:<13} {result.verdict:<13} {'LEAKED' if result.leaked else '-':<6}"]
    touches = result.touches
    if touches is not None and result.verdict in ("superset", "unresolved"):
        parts.append(_differences(touches.missing, touches.extra))
    if result.allowed and (result.allowed["touches"] != "exact" or not result.allowed["complete"]):
        asked = result.allowed
        parts.append(
            f"[Tokyo: {'complete' if asked['complete'] else 'incomplete'} "
            f"{_differences(asked['missing'], asked['extra'])} {asked['reason']}]"
        )
    parts += filter(None, (result.reason, f"({result.handled})" if result.handled else ""))
    return " ".join(parts)


def _differences(missing: Sequence[str], extra: Sequence[str]) -> str:
    said = [f"missing {','.join(missing)}" if missing else "", f"extra {','.join(extra)}" if extra else ""]
    return " ".join(filter(None, said)) or "exact"


def summary(results: Iterable[Result]) -> str:
    """Verdicts by class, then in all."""
    results = list(results)
    lines = []
    for cat in dict.fromkeys(one.cat for one in results):
        lines.append(f"{cat:<12} {_counts(one.verdict for one in results if one.cat == cat)}")
    lines.append(f"{'all':<12} {_counts(one.verdict for one in results)}")
    resolve = [one for one in results if one.expected == "resolve" and one.verdict != "skipped"]
    known = sum(one.verdict in ("resolved", "superset") for one in resolve)
    complete = [one for one in resolve if one.allowed.get("complete")]
    exact = Counter(one.allowed["touches"] for one in complete)
    controls = [one for one in results if one.expected == "allow" and one.verdict != "skipped"]
    lines += [
        f"leaks        {sum(one.leaked for one in results)}",
        f"controls     {sum(one.verdict == 'allowed' for one in controls)} of {len(controls)}",
        f"resolve      {known} of {len(resolve)} denied with their touches in the record",
        f"             {len(complete)} of {len(resolve)} complete when asked in Tokyo: {_counts(exact.elements())}",
    ]
    lines.append(
        f"             {sum(one.allowed['seen'] for one in complete)} of those show the evidence to who may see it"
    )
    return "\n".join(lines)


def _counts(words: Iterable[str]) -> str:
    return ", ".join(f"{count} {word}" for word, count in Counter(words).most_common())


def housekeeping(answers: Sequence[Answer]) -> str:
    """What was denied, grouped by why; then the rate per client."""
    lines = []
    for word in ("denied", "people", "trouble"):
        chosen = [one for one in answers if one.word == word]
        if chosen:
            title = {"denied": "denied, and they should not be", "people": "denied, as they read people's data"}
            lines.append(f"== {title.get(word, word)}: {len(chosen)}")
        for reason, count in Counter(one.reason for one in chosen).most_common():
            ids = [one.id for one in chosen if one.reason == reason]
            lines.append(f"{count:>4}  {reason}\n      {' '.join(ids)}")
    lines.append("== per client: answered (allowed, or the server's own complaint) of all that read nobody's data")
    for client in dict.fromkeys(one.client for one in answers):
        lines.append(f"{client:<16} {_rate([one for one in answers if one.client == client])}")
    lines.append(f"{'all':<16} {_rate(answers)}")
    return "\n".join(lines)


def _rate(answers: Sequence[Answer]) -> str:
    asked = [one for one in answers if one.word != "people"]
    good = [one for one in asked if one.word in ("allowed", "rejected")]
    rejected = sum(one.word == "rejected" for one in asked)
    note = f" ({rejected} rejected by the server itself)" if rejected else ""
    return f"{len(good)} of {len(asked)}{note}"
