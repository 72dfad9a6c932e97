"""Commands of `gateway.cli` that pull the kill-switch: block, unblock, and what is blocked.

They change what `gateway.links.overlay` keeps, in the record first; every gateway that names the file has it in force
within a tenth of a second, and open sessions end. What the registry itself blocks, they cannot lift.
"""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from gateway.console import GOOD, config_option, load_config, reporting_problems
from gateway.errors import ConfigError

if TYPE_CHECKING:
    from gateway.config import Config
    from gateway.facts.admin_blocks import AdminBlock, AdminBlocks
    from gateway.facts.blocks import Block
    from gateway.links.overlay import Note, Target

_DAY: Final = click.DateTime(["%Y-%m-%d"])
_AS_JSON = click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")


@click.command("block")
@click.argument("name")
@config_option
@click.option("--reason", required=True, help="Why: it is kept, and recorded.")
@click.option("--until", type=_DAY, help="First day (UTC) on which the block is over; without it, until `unblock`.")
@_AS_JSON
@reporting_problems
def block_command(name: str, config_path: Path, reason: str, until: datetime | None, as_json: bool) -> int:
    """Stop NAME: a country (CN), an entity (its id or LEI), or a person (subject or issuer#subject).

    In force within a tenth of a second, in every gateway that shares the file of `registry.blocks`: open sessions end.

    \b
    sekisho block CN --reason "export licence suspended"
    sekisho block dalian-monitoring --reason "audit failed" --until 2027-01-01
    sekisho block https://id.line.example#wang --reason "token stolen"
    """
    from gateway.facts.period import DAY, Period
    from gateway.links.overlay import block
    from gateway.links.sources import admin_blocks_file
    from gateway.operators import as_owner, operator

    config = load_config(config_path)
    target = _target(config, name)
    now = int(time.time())
    end = None if until is None else int(until.replace(tzinfo=UTC).timestamp()) // DAY
    if end is not None and end <= now // DAY:
        raise ConfigError(["--until: that day has come: the block would be over before it began"])
    path = admin_blocks_file(config)
    with as_owner(path.parent):
        made = block(
            path,
            target,
            Period(now // DAY, end),
            reason,
            by=operator(),
            at=datetime.fromtimestamp(now, UTC).isoformat(),
            note=_noting(config, "block"),
        )
    _say(made, as_json, f"sekisho unblock {made.block.id} lifts it")
    return GOOD


@click.command("unblock")
@click.argument("id")
@config_option
@_AS_JSON
@reporting_problems
def unblock_command(id: str, config_path: Path, as_json: bool) -> int:
    """Lift the block ID that `sekisho block` made. What the registry blocks, only the registry lifts.

    \b
    sekisho unblock admin-3
    """
    from gateway.links.overlay import unblock
    from gateway.links.sources import admin_blocks_file
    from gateway.operators import as_owner

    config = load_config(config_path)
    path = admin_blocks_file(config)
    with as_owner(path.parent):
        gone = unblock(path, id, note=_noting(config, "unblock"))
    _say(gone, as_json, "is lifted")
    return GOOD


@click.command("blocks")
@config_option
@_AS_JSON
@reporting_problems
def blocks_command(config_path: Path, as_json: bool) -> int:
    """List every block, of the registry and of `sekisho block`, in force or not.

    \b
    sekisho blocks
    sekisho blocks --json | jq '.[] | select(.in_force)'
    """
    from gateway.facts.period import day_of
    from gateway.links.overlay import kept
    from gateway.links.sources import admin_blocks_file, registry_of

    config = load_config(config_path)
    listed = kept(admin_blocks_file(config))
    try:
        blocks = registry_of(config).blocks.all
    except ConfigError as error:  # what was blocked here is told all the same
        blocks = listed.blocks
        click.echo(f"the registry cannot be read, its own blocks are not told: {error.problems[0]}", err=True)
    today = day_of(int(time.time()))
    found = [_document(one, listed) | {"in_force": one.period.covers(today)} for one in blocks]
    if as_json:
        click.echo(json.dumps(found, indent=2, ensure_ascii=False))
        return GOOD
    for one in found:
        click.echo(_line(one))
    if not found:
        click.echo("nobody is blocked")
    return GOOD


def _target(config: Config, name: str) -> Target:
    """Whom a name means. What is plain by its form needs no registry: it is not read, and need not be good."""
    from gateway.links.overlay import Target, plain_target, target_of
    from gateway.links.sources import registry_of
    from gateway.model import EntityId

    plain = plain_target(name)
    if plain is not None:
        return plain
    try:
        registry = registry_of(config)
    except ConfigError as error:
        click.echo(f"the registry cannot be read ({error.problems[0]}): {name} is taken for an entity's id", err=True)
        return Target(entity=EntityId(name))
    return target_of(registry, name)


def _noting(config: Config, event: str) -> Note:
    from gateway.audit.record import Event
    from gateway.operators import noted

    def note(one: AdminBlock) -> None:
        until = "" if one.block.period.end is None else f" until {_period(one.block)['to']}"
        detail = f"{one.block.id}: {' '.join(one.block.whom)}{until}: {one.block.reason}"
        noted(config.record.directory, Event(event), detail)

    return note


def _say(one: AdminBlock, as_json: bool, ending: str) -> None:
    kind, name = one.block.whom
    document = {"id": one.block.id, kind: name, **_period(one.block), "reason": one.block.reason}
    click.echo(json.dumps(document, ensure_ascii=False) if as_json else f"{_line(document)}; {ending}")


def _period(block: Block) -> dict[str, str | None]:
    from gateway.facts.period import iso

    start, end = block.period.start, block.period.end
    return {"from": None if start is None else iso(start), "to": None if end is None else iso(end)}


def _document(block: Block, listed: AdminBlocks) -> dict[str, Any]:
    kind, name = block.whom
    by = next((one for one in listed.kept if one.block.id == block.id), None)
    return {
        "id": block.id,
        kind: name,
        **_period(block),
        "reason": block.reason,
        "source": f"{block.file}:{block.line}",
        "by": None if by is None else by.by,
        "at": None if by is None else by.at,
    }


def _line(document: dict[str, Any]) -> str:
    kind = next(kind for kind in ("entity", "country", "principal") if kind in document)
    span = "".join(f" {word} {document[key]}" for word, key in (("from", "from"), ("until", "to")) if document[key])
    state = "" if document.get("in_force", True) else " (not in force)"
    by = f", by {document['by']}" if document.get("by") else f", {document['source']}" if "source" in document else ""
    reason = f": {document['reason']}" if document["reason"] else ""
    return f"{document['id']}  {kind} {document[kind]}{span}{state}{reason}{by}"
