"""Cases: read from JSON lines, with what each needs of a server and what proves that it leaked."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

Step = Sequence[Any]

DATABASE = "gwt"
# Every protected value of the schema holds one of these; bytea comes in hex, large objects and XML as they like.
SENTINELS = re.compile(r"555[0-]-?000\d|@secret\.example|SECRET(BODY|JPG|IBAN|LO)|5345435245(54)|353535302d30303", re.I)
# Objects by which a case is known to need an extension: without it the server would only say that they do not exist.
_WRITE = re.compile(r"\b(INSERT|UPDATE|DELETE|MERGE|CREATE|INTO)\b(?! *\))")
_NEEDS = {
    "dblink": r"\bdblink",
    "postgres_fdw": r"\bpostgres_fdw\b",
    "tablefunc": r"\b(connectby|crosstab)",
    "xml2": r"\bxpath_table\b",
    "pg_stat_statements": r"\bpg_stat_statements\b",
    "pageinspect": r"\b(get_raw_page|heap_page_items)\b",
    "file_fdw": r"\bfile_fdw\b",
    "lo": r"\blo_manage\b",
}


@dataclass(frozen=True, slots=True)
class Case:
    """One line of the corpus."""

    id: str
    cat: str
    attack: str
    sql: str
    touches: frozenset[str]
    expected: str  # resolve | deny | resolve|deny | allow
    role: str = "gw_app"
    setup_sql: str = ""
    startup: Mapping[str, str] = field(default_factory=dict)
    wire: tuple[Step, ...] = ()
    evidence: str = ""
    pg_min: int = 0
    pg_max: int = 99
    note: str = ""

    @property
    def steps(self) -> tuple[Step, ...]:
        """The messages; a case without any is one Query."""
        return self.wire or (("Q", self.sql),)

    @property
    def control(self) -> bool:
        """Whether this must be allowed."""
        return self.expected == "allow"

    @property
    def writes(self) -> bool:
        """Whether it would change rows, were it allowed."""
        return _WRITE.search(f"{self.sql} {self.wire}") is not None

    @property
    def search_path(self) -> tuple[str, ...]:
        """The schemas a start-up parameter asks for."""
        return tuple(part.strip() for part in self.startup.get("search_path", "").split(",") if part.strip())

    def extended(self) -> Case | None:
        """The same statement by Parse, Describe, Bind and Execute; None where that is another case: it has messages of
        its own, or is several statements that should come through (the server takes one in a Parse)."""
        if self.wire or (self.control and ";" in self.sql):
            return None
        steps: tuple[Step, ...] = (("P", "", self.sql), ("D", "S", ""), ("B", "", ""), ("E", "", 0), ("S",))
        return replace(self, wire=steps)

    def needs(self) -> frozenset[str]:
        """Extensions without which the attack does not exist."""
        text = f"{self.sql} {self.setup_sql}"
        return frozenset(name for name, pattern in _NEEDS.items() if re.search(pattern, text))

    def leaked(self, heard: str) -> bool:
        """Whether what came back proves a leak: the case's own evidence, or any sentinel it did not send itself."""
        if self.evidence:
            if re.search(self.evidence, heard, re.M):
                return True
            sent = f"{self.sql} {json.dumps(self.wire)}"
            return any(found.group() not in sent for found in SENTINELS.finditer(heard))
        return SENTINELS.search(heard) is not None


def read_cases(path: Path, files: Path = Path("/tmp")) -> list[Case]:
    """All cases of a file, in its order. Files of the server's own they write to ``files``."""
    text = path.read_text(encoding="utf-8").replace("/tmp/hz_", f"{files}/hz_")
    # The corpus names its database in two ways; here it has one name.
    return [_case(json.loads(line)) for line in text.replace("gwt_c.", f"{DATABASE}.").splitlines() if line.strip()]


def _case(raw: Mapping[str, Any]) -> Case:
    known = {name: raw[name] for name in Case.__slots__ if name in raw}
    return Case(
        **{
            **known,
            "touches": frozenset(raw.get("touches", ())),
            "wire": tuple(tuple(step) for step in raw.get("wire", ())),
            "startup": raw.get("startup", {}),
        }
    )
