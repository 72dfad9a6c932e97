"""What a statement costs that is known already: by its text, or by its shape; and how long a tree takes to read."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from gateway.model import DatasourceId, Door, Peer, Principal, StatementFacts
from gateway.needs import Analysis, Ask, Bounds, NeedTree, NeedTurn
from gateway.sql import gate, wording
from gateway.sql.tree import reader
from gateway.sql.tree.fields import GRAMMARS
from gateway.understand import Statements
from tests.bench.figures import Spread, Table, shown, timed
from tests.bench.statements import SIZES
from tests.bench.twin import PROFILE, Analyses

_EPOCH = "epoch"
_BYTES = 131_072
_MOST = 20_000  # texts at most, each another one
_OTHER = {"small": "4711", "medium": "1000", "large": "5000"}  # a constant of each statement that may be another one


@dataclass(slots=True)
class _World:
    """As much of a world as known statements look at."""

    def epoch(self, datasource: DatasourceId) -> str | None:
        return _EPOCH


def tables(found: Analyses, *, seconds: float) -> list[Table]:
    """Both tables."""
    return [_trees(found, seconds), _known(found, seconds)]


def compiled() -> str:
    """How the code in question runs."""
    return "interpreted" if reader.__file__.endswith(".py") else "compiled"


def _trees(found: Analyses, seconds: float) -> Table:
    rows, data = [], []
    for size, analysis in found.analyses.items():
        grammar = GRAMMARS[analysis.catalog.major]
        kilobytes = sum(map(len, analysis.trees)) / 1000

        def read(_: int, analysis: Analysis = analysis, grammar: Any = grammar) -> None:
            for tree in analysis.trees:
                reader.read_tree(tree, grammar)

        taken = timed(read, seconds=seconds / 2)
        rows.append((size, shown(kilobytes, "{:.1f}"), *_figures(taken), shown(taken.p50 / kilobytes, "{:.1f}")))
        data.append({"statement": size, "tree_kb": kilobytes, **taken.data()})
    return Table(
        name="tree",
        title=f"The server's tree, read into nodes ({compiled()})",
        columns=("statement", "tree kB", "p50 us", "p99 us", "us per kB"),
        rows=tuple(rows),
        data=tuple(data),
    )


def _known(found: Analyses, seconds: float) -> Table:
    rows, data = [], []
    for size, text in SIZES.items():
        before, constant, after = text.partition(_OTHER[size])
        others = [f"{before}{int(constant) + number % 4000}{after}" for number in range(_MOST)]
        asks = [_ask(other) for other in others]
        statements = Statements(
            world=_World(),  # type: ignore[arg-type]
            bounds=Bounds(statement_bytes=_BYTES, tree_bytes=2**23, known_statements=1000, known_decisions=1),
        )
        _read(statements, asks[0], found.analyses[size])
        first = statements.read
        measured: dict[str, Spread] = {
            "text": _timed(lambda n, ask=asks[0], first=first: _facts(first(ask, _EPOCH)), seconds),
            "shape": _timed(lambda n, asks=asks, first=first: _facts(first(asks[n], _EPOCH)), seconds),
            "scan": _timed(lambda n, others=others: wording.scan(others[n], max_bytes=_BYTES), seconds),
            "gate": _timed(lambda n, others=others: gate.inspect(others[n], max_bytes=_BYTES), seconds),
        }
        rows.append((size, str(len(text)), *(one for taken in measured.values() for one in _figures(taken))))
        data.append({"statement": size, "bytes": len(text), **{name: one.data() for name, one in measured.items()}})
    return Table(
        name="known",
        title=f"The facts of a known statement, by its text and by its shape ({compiled()})",
        columns=("statement", "bytes", "text us", "p99", "shape us", "p99", "scan us", "p99", "gate us", "p99"),
        rows=tuple(rows),
        data=tuple(data),
        notes=("scan is what a known shape costs instead of the gate; both see another constant in every text",),
    )


def _figures(taken: Spread) -> tuple[str, str]:
    return shown(taken.p50, "{:.1f}"), shown(taken.p99, "{:.1f}")


def _timed(call: Callable[..., object], seconds: float) -> Spread:
    return timed(call, seconds=seconds / 4, most=_MOST)


def _ask(text: str) -> Ask:
    return Ask(
        door=Door.POSTGRES,
        datasource=DatasourceId("bench"),
        profile=PROFILE,
        principal=Principal(issuer="bench", subject="bench", database_user="bench", expires_at=int(time.time()) + 3600),
        peer=Peer(address=None),
        sql=text,
        session="s-bench",
    )


def _read(statements: Statements, ask: Ask, analysis: Analysis) -> None:
    """The first time: the principal has his turn, and the server is asked."""
    work = statements.read(ask, _EPOCH)
    with suppress(StopIteration):
        need = next(work)
        while isinstance(need, NeedTurn | NeedTree):
            need = work.send(analysis if isinstance(need, NeedTree) else None)
        raise RuntimeError(f"nobody here knows {need}")


def _facts(work: Any) -> StatementFacts:
    """The facts, which must be known."""
    try:
        need = next(work)
    except StopIteration as end:
        facts: StatementFacts = end.value
        return facts
    raise RuntimeError(f"not known: {need}")
