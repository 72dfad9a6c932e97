"""sqlsmith as author: statements nobody would write, over everything the catalog knows, judged as the grammar's are.

``make fuzz`` generates 10 000 for each of PostgreSQL 15 and 18; ``make test`` a few hundred for 18. The seed is fixed.
sqlsmith only writes (``--dry-run``): what is run here is what the facts call complete, and it is rolled back.
"""

from __future__ import annotations

import random
import subprocess
from collections.abc import Callable, Iterator

import pytest
from hypothesis import settings

from tests.majors import major  # noqa: F401 - a fixture
from tests.property.oracle.judge import Judge
from tests.property.oracle.tally import Tally
from tests.servers import Postgres, require_tool

_FUZZ = settings.default is not None and settings.default.max_examples > 1000
_STATEMENTS = 10_000 if _FUZZ else 400
_SEED = 1
_WANTED = 0.3


@pytest.fixture(scope="module", params=(15, 18) if _FUZZ else (18,))
def judge(
    request: pytest.FixtureRequest,
    major: Callable[..., Postgres],  # noqa: F811 - the fixture
) -> Iterator[Judge]:
    """A judge for each major."""
    require_tool("sqlsmith")
    server = request.getfixturevalue("postgres") if request.param == 18 else major(request.param)
    made = Judge(server, "sql_smith", Tally(f"sqlsmith, PostgreSQL {request.param}"))
    yield made
    made.close()


def generated(judge: Judge, count: int) -> Iterator[str]:
    """Statements over the relations of users, one by one."""
    command = [
        str(require_tool("sqlsmith")),
        f"--target={judge.server.dsn(judge.database)}",
        f"--seed={_SEED}",
        f"--max-queries={count}",
        "--dry-run",
        "--exclude-catalog",
    ]
    done = subprocess.run(command, capture_output=True)
    assert done.returncode == 0, done.stderr.decode(errors="replace")
    for text in done.stdout.decode().split(";\n"):
        if text.strip():
            yield text.strip()


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_sqlsmith(judge: Judge, request: pytest.FixtureRequest) -> None:
    chance = random.Random(_SEED)
    tally = judge.tally
    for text in generated(judge, _STATEMENTS):
        judge.play(text, chance)
    summary = "\n".join(tally.lines())
    print("\n" + summary)  # noqa: T201 - for -s
    cache = getattr(request.config, "cache", None)  # absent where pytest runs without one
    if cache is not None:
        cache.set(f"sekisho/oracle/sqlsmith-{judge.major}", tally.as_json())
    assert not tally.unsound, f"{summary}\n" + "\n\n".join(f"{one['found']}\n{one['sql']}" for one in tally.unsound)
    assert tally.labelled.total() > _STATEMENTS / 10, summary
    assert tally.labelled["complete"] >= _WANTED * tally.labelled.total(), summary
