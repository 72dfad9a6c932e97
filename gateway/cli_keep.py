"""Commands of `gateway.cli_audit` about how long the record is kept: holds, and pruning."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import click

from gateway.console import GOOD, NO, config_option, load_config, reporting_problems

_FOLDER = click.Path(path_type=Path, file_okay=False, exists=True)
_DAY = click.DateTime(["%Y-%m-%d"])


@click.group("hold")
def hold_group() -> None:
    """Legal holds: what must be kept beyond its time. Each is recorded.

    \b
    sekisho audit hold add /var/lib/sekisho/record case-17 --reason "court order of 2026-11-02"
    sekisho audit hold list /var/lib/sekisho/record
    sekisho audit hold release /var/lib/sekisho/record case-17 --reason "settled"
    """


@hold_group.command("add")
@click.argument("directory", type=_FOLDER)
@click.argument("name")
@click.option("--reason", required=True, help="Why: a court, a case, an order.")
@click.option("--since", type=_DAY, help="First day held (UTC); none: from the beginning.")
@click.option("--until", type=_DAY, help="Last day held (UTC); none: what is still to come, too.")
@reporting_problems
def hold_add_command(directory: Path, name: str, reason: str, since: datetime | None, until: datetime | None) -> int:
    """Hold the record in DIRECTORY, or some days of it, under NAME: nothing of it is pruned.

    \b
    sekisho audit hold add /var/lib/sekisho/record case-17 --reason "court order" --since 2026-01-01
    """
    from gateway.audit.holds import Hold, read_holds
    from gateway.audit.record import Event
    from gateway.errors import ConfigError
    from gateway.operators import noted

    if name in read_holds(directory):
        raise ConfigError([f"{name}: there is such a hold already"])
    end = None if until is None else until + timedelta(days=1)
    hold = Hold(id=name, reason=reason, from_us=_micros(since), until_us=None if end is None else _end(end))
    noted(directory, Event.HOLD_ADDED, reason, {"hold": hold.fields()})
    click.echo(f"held: {name}")
    return GOOD


@hold_group.command("list")
@click.argument("directory", type=_FOLDER)
@reporting_problems
def hold_list_command(directory: Path) -> int:
    """List the holds on the record in DIRECTORY.

    \b
    sekisho audit hold list /var/lib/sekisho/record
    """
    from gateway.audit.holds import read_holds

    for hold in read_holds(directory).values():
        days = f"{_day(hold.from_us, 'the beginning')} to {_day(hold.until_us, 'now and later')}"
        click.echo(f"{hold.id}  {days}  {hold.reason}")
    return GOOD


@hold_group.command("release")
@click.argument("directory", type=_FOLDER)
@click.argument("name")
@click.option("--reason", required=True, help="Why it is held no more.")
@reporting_problems
def hold_release_command(directory: Path, name: str, reason: str) -> int:
    """Release the hold NAME on the record in DIRECTORY.

    \b
    sekisho audit hold release /var/lib/sekisho/record case-17 --reason "settled"
    """
    from gateway.audit.holds import read_holds
    from gateway.audit.record import Event
    from gateway.errors import ConfigError
    from gateway.operators import noted

    hold = read_holds(directory).get(name)
    if hold is None:
        raise ConfigError([f"{name}: there is no such hold"])
    noted(directory, Event.HOLD_RELEASED, reason, {"hold": hold.fields()})
    click.echo(f"released: {name}")
    return GOOD


@click.command("prune")
@config_option
@click.option("--dry-run", "dry", is_flag=True, help="Only say what would go, and why the rest stays.")
@reporting_problems
def prune_command(config_path: Path, dry: bool) -> int:
    """Remove segments of the record whose time is over, each leaving a tombstone. Exits with 1 where none may go.

    \b
    sekisho audit prune --dry-run
    sekisho audit prune --config sekisho.yaml
    """
    import time

    from gateway.links.pruning import Fate, prune
    from gateway.operators import as_owner, operator

    config = load_config(config_path)

    def told(fate: Fate) -> None:
        word = "stays" if fate.keep else ("would go" if dry else "goes")
        click.echo(f"{fate.segment.name}  {word}  {fate.keep or fate.why}")

    count = prune(
        config, time.time_ns() // 1000, operator(), told=told, dry=dry, owner=as_owner(config.record.directory)
    )
    click.echo(f"{count} {'segment' if count == 1 else 'segments'} {'would go' if dry else 'gone'}")
    return GOOD if count else NO


def _micros(day: datetime | None) -> int | None:
    return None if day is None else int(day.replace(tzinfo=UTC).timestamp()) * 1_000_000


def _end(day: datetime) -> int:
    return int(day.replace(tzinfo=UTC).timestamp()) * 1_000_000 - 1


def _day(at_us: int | None, otherwise: str) -> str:
    return otherwise if at_us is None else datetime.fromtimestamp(at_us / 1e6, UTC).strftime("%Y-%m-%d")
