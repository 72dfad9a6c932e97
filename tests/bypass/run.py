"""``python -m tests.bypass.run``: the corpus against a real server, through the postgres door. See the package."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

from tests.bypass import golden, report
from tests.bypass.cases import Case, read_cases
from tests.bypass.housekeeping import Answer, ask_all, read_housekeeping
from tests.bypass.judge import Result, ask_in_tokyo, judge
from tests.bypass.stage import Stage, Trail, settings_for, stage
from tests.majors import MAJORS, ORIGINS, origins, programs, serving

HERE = Path(__file__).parent
CORPORA = (HERE / "cases.jsonl", HERE / "more.jsonl")
Say = Callable[[str], None]


@contextmanager
def open_stage(major: int, origin: str, schema: Path = HERE / "schema.sql", *, strict: bool = False) -> Iterator[Stage]:
    """A server of that major with the schema, and gateways over it."""
    with tempfile.TemporaryDirectory() as scratch:
        wanted = settings_for(programs(major, origin, Path(scratch)))
    with serving(major, origin, wanted) as server, stage(server, schema, strict=strict) as one:
        yield one


def run_cases(one: Stage, cases: list[Case], say: Say) -> list[Result]:
    """Judge all; results in the order given. Cases without a set-up share a database until somebody changes it."""
    trail = Trail()
    found: dict[str, Result] = {}
    plain = [case for case in cases if not case.setup_sql and not case.startup]
    for case in plain:
        found[case.id] = judge(one, trail, case)
    # Who is allowed changes rows where the case does: those come last, so that the others find what they look for.
    for case in sorted(plain, key=lambda case: case.writes):
        ask_in_tokyo(one, trail, case, found[case.id])
        say(report.line(found[case.id]))
    one.soil()
    # Those with the same set-up follow each other: where nothing was changed since, they share it.
    rest = [case for case in cases if case.id not in found]
    for case in sorted(rest, key=lambda case: (case.search_path, case.setup_sql)):
        found[case.id] = judge(one, trail, case)
        ask_in_tokyo(one, trail, case, found[case.id])
        say(report.line(found[case.id]))
    return [found[case.id] for case in cases]


def run_extended(one: Stage, cases: list[Case], say: Say) -> list[Result]:
    """Those that are one text and need no set-up once more, by the messages of the extended protocol."""
    trail = Trail()
    results = []
    for case in cases:
        again = case.extended()
        if again is not None and not case.setup_sql and not case.startup:
            results.append(judge(one, trail, again))
            say(report.line(results[-1]))
    return results


def run_housekeeping(one: Stage, path: Path, only: set[str]) -> list[Answer]:
    """Ask everything; answers in the order of the file."""
    asked = [each for each in read_housekeeping(path) if not only or each.id in only]
    found = {answer.id: answer for answer in ask_all(one, Trail(), asked)}
    return [found[each.id] for each in asked]


def main() -> int:
    """0 where nothing leaked and every control passed."""
    options = _options()
    found = origins(options.server)
    origin = options.origin or (found[0] if found else "")
    if origin not in found:
        sys.stderr.write(f"PostgreSQL {options.server} is not here: tools/postgres_majors.sh fetches it\n")
        return 2
    say: Say = (lambda text: None) if options.json else (lambda text: print_line(text))
    began = time.monotonic()
    only = set(options.only or ())
    with open_stage(options.server, origin, options.schema, strict=options.strict) as one:
        say(f"# PostgreSQL {options.server} ({origin}); extensions it lacks: {', '.join(one.missing) or 'none'}")
        if one.left_out:
            say(f"# left out of the schema: {'; '.join(one.left_out)}")
        if options.housekeeping:
            answers = run_housekeeping(one, options.housekeeping, only)
            if options.json:
                print_line(json.dumps([asdict(answer) for answer in answers], indent=1))
            say(report.housekeeping(answers))
            if options.golden:
                golden.write_answers(options.server, answers)
            return 0
        files = options.cases or list(CORPORA)
        cases = [case for file in files for case in read_cases(file, one.files) if not only or case.id in only]
        results = (run_extended if options.extended else run_cases)(one, cases, say)
        made = one.made
    if options.json:
        print_line(json.dumps([result.document() for result in results], indent=1))
    say(report.summary(results))
    if options.golden:
        golden.write_shortfalls(options.server, results)
    say(f"# {time.monotonic() - began:.0f} s, {made} databases")
    return 1 if any(result.bad for result in results) else 0


def print_line(text: str) -> None:
    """To standard output, at once."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bypass.run", description=__doc__)
    parser.add_argument("--server", type=int, choices=MAJORS, default=18, help="PostgreSQL's major")
    parser.add_argument("--origin", choices=ORIGINS, help="where the server is from; default: the first with contrib")
    parser.add_argument("--schema", type=Path, default=HERE / "schema.sql", metavar="F")
    parser.add_argument("--cases", type=Path, action="append", metavar="F", help="repeat; default: both of the package")
    parser.add_argument(
        "--housekeeping",
        type=Path,
        nargs="?",
        const=HERE / "housekeeping.jsonl",
        metavar="F",
        help="that corpus instead",
    )
    parser.add_argument("--extended", action="store_true", help="one-text cases by the extended protocol instead")
    parser.add_argument("--strict", action="store_true", help="over a strict datasource")
    parser.add_argument("--golden", action="store_true", help="write down what falls short as what is known to")
    parser.add_argument("--only", action="append", metavar="ID", help="one case; repeat")
    parser.add_argument("--json", action="store_true", help="one JSON document instead of lines")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
