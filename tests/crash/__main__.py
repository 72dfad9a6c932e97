"""``python -m tests.crash [--kills N] [--remote N] [--seed S]``: exit code 1 where anything is missing."""

from __future__ import annotations

import argparse
import contextlib
import random
import shutil
import sys
import tempfile
from pathlib import Path
from statistics import median

from gateway.demo.database import Database
from tests.crash.play import Player, Story


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.crash", description=__doc__)
    parser.add_argument("--kills", type=int, default=500, metavar="N")
    parser.add_argument(
        "--remote", type=int, default=0, metavar="N", help="so many more, where statements wait for a log server"
    )
    parser.add_argument("--seed", type=int, default=random.randrange(10**6), metavar="S", help="of the moments")
    asked = parser.parse_args()
    root = Path(tempfile.mkdtemp(prefix="sekisho-crash-"))
    root.chmod(0o711)  # the database runs as another user
    with contextlib.ExitStack() as cleanup:
        database = Database(_folder(root / "database"))
        database.start()
        cleanup.callback(database.stop)
        for kills, remote in ((asked.kills, False), (asked.remote, True)):
            if kills and not _played(_folder(root / f"remote-{remote}"), database, asked.seed, kills, remote=remote):
                return 1
    shutil.rmtree(root)
    return 0


def _played(root: Path, database: Database, seed: int, kills: int, *, remote: bool) -> bool:
    """One story. False where something is wrong."""
    where = ", each statement waiting for a log server" if remote else ""
    print(f"{kills} kills, seed {seed}{where}", flush=True)

    def say(line: str) -> None:
        print(f"... {line}", file=sys.stderr, flush=True)

    with contextlib.closing(Player(root, database, seed, say, remote=remote)) as player:
        story = player.play(kills)
    print(told(story), flush=True)
    if story.total.wrong:
        print(f"the record and the log are kept in {root}")
    return not story.total.wrong


def _folder(path: Path) -> Path:
    path.mkdir(mode=0o711)
    return path


def told(story: Story) -> str:
    """What came out, in words."""
    total, report = story.total, story.report
    assert report is not None
    moments = ", ".join(f"{count} {_MOMENTS[moment]}" for moment, count in story.moments.most_common())
    late = f", the oldest {max(total.late) * 1000:.0f} ms before the kill" if total.late else ""
    lines = [
        f"killed                {story.moments.total()} times: {moments}",
        f"a start took          {median(story.starts):.2f} s to the first answer" if story.starts else "",
        f"sent to the server    {total.executed} statements, as the tap saw",
        f"told to clients       {_counts(total.told)}",
        *(f"  {count:7d} {way}" for way, count in sorted(total.ways.items())),
        f"acknowledged afar     {total.afar} of them, each before it was sent" if total.afar else "",
        f"recorded              {report.entries} entries in {report.segments} segments",
        f"recorded, not sent    {total.ahead}: the kill came in between",
        f"completions missing   {len(total.late)}{late}",
        f"torn ends             {len(report.torn_tails)}, each marked: {_all_marked(story)}; torn by a kill "
        f"{story.torn_by_kill}, by hand {story.torn_by_hand}",
        f"the chain             {'verifies' if report.ok else 'DOES NOT VERIFY'}, with {report.heads} signed heads, "
        f"which speak for {report.signed} entries",
        f"in all                {story.seconds:.0f} s",
        *(f"WRONG: {one}" for one in total.wrong),
    ]
    return "\n".join(line for line in lines if line)


_MOMENTS = {"start": "while it started", "time": "at some time", "sent": "as a statement was sent"}


def _counts(told: dict[str, int]) -> str:
    return ", ".join(f"{count} x {sqlstate}" for sqlstate, count in sorted(told.items()))


def _all_marked(story: Story) -> str:
    assert story.report is not None
    return "yes" if all(torn.marked for torn in story.report.torn_tails) else "NO"


if __name__ == "__main__":
    raise SystemExit(main())
