"""The words of a denial, for the person who meets it: what, which rule, which fact, what would be allowed, its id.

Never SQL, values of rows, host names or stack traces: a denial is read by somebody who was just refused the data.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace

from gateway.errors import ANSWERS, Reason
from gateway.model import Durability, Effect, Finding, JsonValue, Layer, Mode, StatementFacts, Verdict

_LAYER_WORDS = {Layer.LAW: "law", Layer.PROMISE: "promise to users", Layer.HOUSE: "house rule"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """Message, detail and hint, as PostgreSQL's ErrorResponse has them; other doors use the same words."""

    message: str
    detail: str
    hint: str


def explain(decision_id: str, verdict: Verdict, statement: StatementFacts | None, *, nearest: str = "") -> Explanation:
    """The words for a verdict that denies. The first enforced finding is the message; the detail has the other rules,
    each with the first it found. The record has all findings.

    ``nearest``: what of the same statement would be allowed; it is the first thing a person can do.
    """
    acting = [finding for finding in verdict.findings if finding.mode is Mode.ENFORCE]
    if not acting:
        return without_rule(decision_id, verdict.reason, "")
    first = acting[0]
    lines = [_line(first)]
    if statement is not None and not statement.complete and statement.detail:
        lines.append(f"Statement: {statement.detail}")
    others: dict[str, str] = {}
    for other in acting:
        if other.rule != first.rule:
            others.setdefault(other.rule, other.message)
    if others:
        lines.append("Also: " + "; ".join(f"{rule} ({message})" for rule, message in others.items()))
    lines.append(f"Decision: {decision_id}")
    remedies = list(dict.fromkeys(finding.remedy.rstrip(".") for finding in acting if finding.remedy))
    help_words = f"What would help: {'; and '.join(remedies)}." if remedies else ""
    hint = "\n".join(part for part in (nearest, help_words) if part)
    return Explanation(
        message=f"access denied: {first.message}",
        detail="\n".join(lines),
        hint=hint or f"Quote decision {decision_id} to the people who own this rule.",
    )


def unsupported(verdict: Verdict, kinds: Sequence[str], why: str) -> Verdict:
    """An allowance that hangs on obligations nobody can carry out: a denial that says so."""
    return refused_by_house(
        verdict,
        rule="house-obligation-supported",
        reason=Reason.OBLIGATION_UNSUPPORTED,
        message=f"allowed only with {', '.join(kind.replace('_', ' ') for kind in kinds)}: {why}",
        fact="obligations",
        value=list(kinds),
        remedy="ask in a form, or through a door, that can be narrowed, or for columns that need none of it",
    )


def refused_by_house(
    verdict: Verdict, *, rule: str, reason: Reason, message: str, fact: str, value: JsonValue, remedy: str
) -> Verdict:
    """An allowance that cannot be carried out as the rules would have it: a denial of the gateway's own."""
    finding = Finding(
        rule=rule,
        layer=Layer.HOUSE,
        mode=Mode.ENFORCE,
        citation="",
        message=message,
        fact=fact,
        value=value,
        reason=reason,
        remedy=remedy,
    )
    return replace(
        verdict,
        effect=Effect.DENY,
        reason=reason,
        findings=(finding, *verdict.findings),
        durability=Durability.SYNCED,
    )


def without_rule(decision_id: str, reason: Reason, detail: str) -> Explanation:
    """The words where no rule spoke: something could not be established, asked or written."""
    return Explanation(
        message=f"access denied: {ANSWERS[reason].summary}",
        detail="\n".join(part for part in (detail, f"Reason: {reason}", f"Decision: {decision_id}") if part),
        hint="This is a denial for safety, not a rule about you: try again, or show the decision id to the operators.",
    )


def _line(finding: Finding) -> str:
    fact = f"{finding.fact} = {json.dumps(finding.value, ensure_ascii=False)}" if finding.fact else ""
    parts = [f"Rule: {finding.rule} ({_LAYER_WORDS[finding.layer]})", f"Fact: {fact}" if fact else "", finding.citation]
    return "; ".join(part for part in parts if part)
