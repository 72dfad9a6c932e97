"""``python -m tests.peers [suite …] [-k EXPRESSION] [--said]``: exit code 1 where a difference is unexplained."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from tests.peers.differences import Compared, compare, known
from tests.peers.suites import SUITES, Result, fetch, run
from tests.peers.world import World, open_world


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.peers", description=__doc__)
    parser.add_argument("suites", nargs="*", metavar="suite", help=f"of {', '.join(SUITES)}; all where none is named")
    parser.add_argument("-k", dest="only", help="only the tests of this expression (pytest's)")
    parser.add_argument("--said", action="store_true", help="show what the tests that differ said, explained or not")
    asked = parser.parse_args()
    names = asked.suites or list(SUITES)
    if unknown := set(names) - set(SUITES):
        parser.error(f"no such suite: {', '.join(sorted(unknown))}")
    wrong = False
    with open_world() as world:
        for name in names:
            wrong |= _play(name, world, asked.only, asked.said)
    return 1 if wrong else 0


def _play(name: str, world: World, only: str | None, said: bool) -> bool:
    suite = SUITES[name]
    with tempfile.TemporaryDirectory(prefix="sekisho-peers-") as scratch:
        folder = Path(scratch)
        unpacked = fetch(suite, folder)
        direct = run(suite, unpacked, world.direct(), only)
        with world.gateway(folder / "house") as parameters:
            through = run(suite, unpacked, parameters, only)
    compared = compare(direct, through, known(name))
    _show(name, compared, through, said, partly=only is not None)
    return bool(compared.unexplained or (compared.outdated and only is None))


def _show(name: str, compared: Compared, through: dict[str, Result], said: bool, *, partly: bool) -> None:
    differ = sum(map(len, compared.explained.values())) + len(compared.unexplained)
    print(f"{name}: {compared.passed} pass directly, {compared.passed - differ} of them through the gateway")
    for why, tests in compared.explained.items():
        print(f"  {len(tests):3d} {why}")
        for one in tests if said else ():
            print(f"      {one}\n{_words(through.get(one))}")
    for one in compared.unexplained:
        print(f"  unexplained: {one}\n{_words(through.get(one))}")
    for pattern in () if partly else compared.outdated:
        print(f"  explained, and no longer so: {pattern}")


def _words(result: Result | None) -> str:
    text = "it did not run" if result is None else result.said
    return "\n".join(f"        {line}" for line in text.splitlines()[-25:])


if __name__ == "__main__":
    sys.exit(main())
