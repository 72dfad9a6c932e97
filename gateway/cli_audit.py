"""Commands of `gateway.cli` about the record: is it whole, and what does it say? Reading it is recorded in it."""

from __future__ import annotations

import json
from pathlib import Path

import click

from gateway.cli_keep import hold_group, prune_command
from gateway.cli_query import query_command
from gateway.cli_reveal import reveal_command
from gateway.cli_tail import tail_command
from gateway.console import GOOD, counting, load_config, reporting_problems, told
from gateway.errors import ConfigError

_FILE = click.Path(path_type=Path, dir_okay=False)
_FOLDER = click.Path(path_type=Path, file_okay=False)


@click.group("audit")
def audit_group() -> None:
    """The record: is it whole, and what does it say?

    \b
    sekisho audit verify /var/lib/sekisho/record
    sekisho audit query --country CN --by principal,country,data-type
    sekisho audit tail --follow --effect deny
    """


@audit_group.command("verify")
@click.argument("directory", type=_FOLDER)
@click.option(
    "--key", "keys", type=_FILE, multiple=True, help="Check signed heads with this public key (PEM); may be repeated."
)
@click.option(
    "--anchor", "anchors", multiple=True, help="Compare with heads anchored in this folder or at this address."
)
@click.option(
    "--config",
    "config_path",
    type=_FILE,
    help="Compare with every anchor that this configuration names, S3-compatible ones too.",
)
@click.option(
    "--jobs",
    type=click.IntRange(1, 256),
    help="Check so many segments at a time (default: one for each processor). The report is the same.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
@reporting_problems
def audit_verify_command(
    directory: Path,
    keys: tuple[Path, ...],
    anchors: tuple[str, ...],
    config_path: Path | None,
    jobs: int | None,
    as_json: bool,
) -> int:
    """Check every entry of the record in DIRECTORY; name the first bad one.

    Exits with 0 where it is whole and 1 where it is broken. One thing alone that is wrong has a code of its own: 3
    nothing there or unreadable, 4 written by a later version, 5 its end is missing, 6 signed with a key that was not
    given, 7 the clock went back.

    \b
    sekisho audit verify /var/lib/sekisho/record
    sekisho audit verify /var/lib/sekisho/record --key record.key.pub --anchor /mnt/vault
    sekisho audit verify /var/lib/sekisho/record --json | jq .bad
    """
    from dataclasses import asdict

    from gateway.audit.heads import load_keys
    from gateway.audit.report_text import EXIT_KEY, EXIT_UNJUDGED, exit_code, verify_text
    from gateway.audit.verify import verify
    from gateway.links.anchors import named_anchor, view
    from gateway.links.helpers import helpers_for, helping
    from gateway.links.stores import AnchorError

    try:
        known = load_keys(keys) if keys else None
    except ConfigError as error:
        return told(error.problems, EXIT_KEY)
    configured = load_config(config_path).record.anchors if config_path is not None else ()
    named = [*configured, *map(named_anchor, anchors)]
    try:
        anchored = {one.name: view(one, directory) for one in named}
    except AnchorError as error:
        raise ConfigError([f"anchor: {error}"]) from None
    if gone := [name for name, heads in anchored.items() if not heads]:
        return told(tuple(f"anchor {name}: no head is there" for name in gone), EXIT_UNJUDGED)
    with counting(directory) as progress, helping(helpers_for(directory, jobs)) as helpers:
        report = verify(directory, keys=known, anchored=anchored, progress=progress, helpers=helpers)
    click.echo(json.dumps({"ok": report.ok, **asdict(report)}, indent=2) if as_json else verify_text(report))
    return exit_code(report)


@audit_group.command("keygen")
@click.argument("file", type=_FILE)
@click.option(
    "--for",
    "use",
    type=click.Choice(["signing", "reading"]),
    default="signing",
    show_default=True,
    help="What the pair is for: signing the record's heads, or reading statements that are sealed for it.",
)
@reporting_problems
def audit_keygen_command(file: Path, use: str) -> int:
    """Make a pair of keys: the private one in FILE, which only its owner may read, the public one in FILE.pub.

    \b
    sekisho audit keygen /etc/sekisho/record.key
    sekisho audit keygen auditor.key --for reading
    """
    from gateway.audit.keys import KeyUse, make_keys

    public = make_keys(file, KeyUse(use))
    click.echo(f"private key: {file}\npublic key:  {public}")
    return GOOD


audit_group.add_command(query_command)
audit_group.add_command(tail_command)
audit_group.add_command(reveal_command)
audit_group.add_command(hold_group)
audit_group.add_command(prune_command)
