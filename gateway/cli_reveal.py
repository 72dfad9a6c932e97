"""`sekisho audit reveal`: the raw text of one statement, for who has the key it was sealed for."""

from __future__ import annotations

from pathlib import Path

import click

from gateway.cli_reading import readable, record_options
from gateway.console import GOOD, NO, reporting_problems, told


@click.command("reveal")
@click.argument("decision_id")
@record_options
@click.option(
    "--key",
    "key_path",
    type=click.Path(path_type=Path, dir_okay=False),
    required=True,
    help="The private key that statements are sealed for (PEM).",
)
@reporting_problems
def reveal_command(
    decision_id: str, directory: Path | None, config_path: Path, unrecorded: bool, key_path: Path
) -> int:
    """Print the statement of DECISION_ID as it was asked, where the record has it sealed (`record.raw_statements`).
    Whether you may read it is decided by the rules, and recorded.

    \b
    sekisho audit reveal 01HZX3K8 --key auditor.key
    """
    from gateway.audit.sealing import SealedForAnother, load_reader
    from gateway.audit.verify import iter_entries
    from gateway.inquiry import Looking, Reading

    reader = load_reader(key_path)
    reading = Reading(what=Looking.DECISIONS)
    record = readable(directory, config_path, unrecorded, reading, f"audit reveal: {decision_id}")
    for entry in iter_entries(record.folder):
        if entry.get("decision_id") != decision_id or entry.get("kind") == "completion":
            continue
        statement = entry.get("statement")
        sealed = statement.get("sealed") if isinstance(statement, dict) else entry.get("statement_sealed")
        of = entry.get("of")
        if sealed is None and isinstance(of, str):
            return told((f"{decision_id}: the same text as {of}: ask for that one",), NO)
        if not isinstance(sealed, str):
            return told((f"{decision_id}: the record does not have its text",), NO)
        try:
            click.echo(reader.open(sealed))
        except SealedForAnother as error:
            return told((f"{decision_id}: {error}",))
        return GOOD
    return told((f"{decision_id}: there is no such decision",), NO)
