"""What came out of many statements: counts, refusals by code and by feature, tightness; printed and kept."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class Tally:
    """Counts of one run."""

    name: str
    rejected: Counter[str] = field(default_factory=Counter)  # by the server, at Parse: SQLSTATE
    accepted: int = 0
    complete: int = 0
    refused: Counter[str] = field(default_factory=Counter)  # code: detail
    examples: dict[str, str] = field(default_factory=dict)  # the shortest statement of each
    by_feature: dict[str, Counter[str]] = field(default_factory=dict)
    ran: Counter[str] = field(default_factory=Counter)  # SQLSTATE of complete statements run with just their columns
    tight: Counter[str] = field(default_factory=Counter)
    compared: Counter[str] = field(default_factory=Counter)
    unsound: list[dict[str, str]] = field(default_factory=list)
    loose: list[dict[str, str]] = field(default_factory=list)  # claimed, and not needed
    labelled: Counter[str] = field(default_factory=Counter)

    @property
    def completeness(self) -> float:
        """Share of accepted statements whose facts are complete."""
        return self.complete / self.accepted if self.accepted else 0.0

    def note(self, text: str, code: str, detail: str, features: set[str]) -> None:
        """One accepted statement; ``code`` is empty where the facts are complete."""
        self.accepted += 1
        if code:
            why = f"{code}: {detail}"
            self.refused[why] += 1
            self.examples[why] = min(text, self.examples.get(why, text), key=len)
        else:
            self.complete += 1
        for feature in features:
            self.by_feature.setdefault(feature, Counter())[code or "complete"] += 1

    def as_json(self) -> dict[str, Any]:
        """Everything, for a file."""
        return {
            "name": self.name,
            "rejected": dict(self.rejected.most_common()),
            "accepted": self.accepted,
            "complete": self.complete,
            "completeness": round(self.completeness, 4),
            "refused": dict(self.refused.most_common(60)),
            "examples": {why: self.examples[why] for why, _ in self.refused.most_common(60)},
            "by_feature": {k: dict(v.most_common()) for k, v in sorted(self.by_feature.items())},
            "ran": dict(self.ran.most_common()),
            "tight": dict(self.tight.most_common()),
            "compared": dict(self.compared.most_common()),
            "labelled": dict(self.labelled.most_common()),
            "loose": self.loose,
            "unsound": self.unsound,
        }

    def lines(self) -> list[str]:
        """The summary."""
        rejected = self.rejected.total()
        found = [
            f"{self.name}: {self.accepted + rejected} statements, {self.accepted} accepted by the server, "
            f"{self.complete} complete ({self.completeness:.1%}), {len(self.unsound)} unsound",
            f"  rejected: {dict(self.rejected.most_common(6))}",
            f"  run with exactly the columns of the facts: {dict(self.ran.most_common(8))}",
            f"  one column taken away: {dict(self.tight.most_common())}",
            f"  with other values where nothing is claimed: {dict(self.compared.most_common())}",
        ]
        if self.labelled:
            found.append(f"  over labelled relations: {dict(self.labelled.most_common())}")
        found += [f"  refused {count:5} {what}" for what, count in self.refused.most_common(12)]
        return found
