"""The ``sekisho`` command. Long-lived commands log JSON; a person's commands speak plainly.

Exit codes: 0 done and good; 1 done, and the answer is no (a denial, a damaged record, a story that went otherwise);
2 could not be done (configuration, files, arguments); 3 a record that cannot be judged.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import sys
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from functools import wraps
from importlib.metadata import version
from pathlib import Path
from typing import Any, ParamSpec

import click
import uvloop

from gateway import logs
from gateway.app import load_sources, serve
from gateway.audit.report_text import exit_code, tail_text, verify_text
from gateway.audit.verify import verify
from gateway.check import Question, run_check
from gateway.config import Config
from gateway.config_load import load, resolved
from gateway.demo.run import run as run_demo
from gateway.errors import ConfigError

_GOOD, _NO, _CANNOT = 0, 1, 2
P = ParamSpec("P")
_FOLDER = click.Path(path_type=Path, file_okay=False)


def _reporting_problems(command: Callable[P, int]) -> Callable[P, None]:
    """Every problem of configuration on a line of its own, exit code 2; a stack trace is never a person's answer."""

    @wraps(command)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            code = command(*args, **kwargs)
        except ConfigError as error:
            for problem in error.problems:
                click.echo(f"{click.style('error', fg='red')}: {problem}", err=True)
            code = _CANNOT
        sys.exit(code)

    return wrapped


def _config_option(command: Callable[..., Any]) -> Callable[..., Any]:
    return click.option(
        "--config",
        "config_path",
        type=click.Path(path_type=Path, dir_okay=False),
        default=Path("sekisho.yaml"),
        show_default=True,
        envvar="SEKISHO_CONFIG",
        help="The configuration file.",
    )(command)


def _load(path: Path) -> Config:
    environ = {name: value for name, value in os.environ.items() if name != "SEKISHO_CONFIG"}
    return load(path, environ)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(version("sekisho"), prog_name="sekisho")
def main() -> None:
    """Sekisho: who asks for whose data, from where, under whose law - and may they?

    \b
    sekisho demo                                   see it work, with a real database
    sekisho check-config --config sekisho.yaml     every problem of a configuration
    sekisho serve --config sekisho.yaml            run the gateway
    sekisho check --as li --from CN --sql "..."    one decision, explained
    sekisho audit verify /var/lib/sekisho/record   is the record whole?
    """


@main.command("serve")
@_config_option
@_reporting_problems
def serve_command(config_path: Path) -> int:
    """Run the gateway until SIGTERM. Logs JSON lines to standard error."""
    config = _load(config_path)
    logs.configure(config.log_level, sys.stderr)
    logging.captureWarnings(True)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(config))
    return _GOOD


@main.command("check-config")
@_config_option
@click.option("--json", "as_json", is_flag=True, help="Print the resolved configuration as JSON.")
@_reporting_problems
def check_config_command(config_path: Path, as_json: bool) -> int:
    """Read configuration, registry and policy; list every problem, or what is in force."""
    config = _load(config_path)
    sources = load_sources(config)
    document = {
        "configuration": resolved(config),
        "policy_revision": sources.bundle.revision,
        "registry_revision": sources.registry.revision,
    }
    if as_json:
        click.echo(json.dumps(document, indent=2, ensure_ascii=False))
        return _GOOD
    click.echo(f"{config_path}: good")
    click.echo(f"  policy revision    {sources.bundle.revision}")
    click.echo(f"  registry revision  {sources.registry.revision}")
    for source in config.datasources:
        profiles = ", ".join(f"{profile.name} as {profile.role}" for profile in source.profiles)
        click.echo(f"  datasource         {source.id}: {profiles}")
    for listener in config.listeners.postgres:
        site = f" at {listener.site}" if listener.site else ""
        click.echo(f"  postgres door      {listener.address}{site}")
    return _GOOD


@main.command("check")
@_config_option
@click.option("--as", "principal", required=True, help="Who: a subject of the registry, or issuer#subject.")
@click.option("--from", "place", required=True, help="From where: an IP address, a country (JP), or a site's id.")
@click.option("--sql", required=True, help="The statement.")
@click.option("--datasource", help="Which datasource; may be left out where there is one.")
@click.option("--group", "groups", multiple=True, help="A group of the token; may be given several times.")
@click.option("--as-of", type=click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"]), help="Decide as of this UTC moment.")
@click.option("--json", "as_json", is_flag=True, help="Print the decision as JSON.")
@_reporting_problems
def check_command(
    config_path: Path,
    principal: str,
    place: str,
    sql: str,
    datasource: str | None,
    groups: tuple[str, ...],
    as_of: datetime | None,
    as_json: bool,
) -> int:
    """Print one decision with its findings. Nothing is run and nothing is recorded.

    \b
    sekisho check --as li --from CN --sql "SELECT phone FROM users"
    sekisho check --as tanaka --from 198.51.100.7 --sql "SELECT caption FROM timeline_images" --json
    """
    config = _load(config_path)
    at = int(as_of.replace(tzinfo=UTC).timestamp()) if as_of is not None else None
    question = Question(principal=principal, place=place, sql=sql, datasource=datasource, groups=groups, at=at)
    answer = asyncio.run(run_check(config, question))
    click.echo(json.dumps(answer.document, indent=2, ensure_ascii=False) if as_json else answer.text(_colour()))
    return _GOOD if answer.allowed else _NO


@main.group("audit")
def audit_group() -> None:
    """The record: is it whole, and what does it say?"""


@audit_group.command("verify")
@click.argument("directory", type=_FOLDER)
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
@_reporting_problems
def audit_verify_command(directory: Path, as_json: bool) -> int:
    """Check every entry of the record in DIRECTORY; name the first bad one."""
    report = verify(directory)
    click.echo(json.dumps({"ok": report.ok, **asdict(report)}, indent=2) if as_json else verify_text(report))
    return exit_code(report)


@audit_group.command("tail")
@click.argument("directory", type=_FOLDER)
@click.option("--lines", default=20, show_default=True, help="How many entries.")
@_reporting_problems
def audit_tail_command(directory: Path, lines: int) -> int:
    """Print the last entries of the record in DIRECTORY, readably."""
    click.echo(tail_text(directory, count=lines))
    return _GOOD


@main.command("demo")
@click.option("--once", is_flag=True, help="Play the story and end; without it the gateway stays up until Ctrl-C.")
@click.option("--directory", type=_FOLDER, help="Keep everything in this (new) folder.")
@_reporting_problems
def demo_command(once: bool, directory: Path | None) -> int:
    """The LINE case of 2021, played on a real PostgreSQL through the postgres door."""
    return run_demo(once=once, directory=directory, out=sys.stdout)


def _colour() -> bool:
    return sys.stdout.isatty() and "NO_COLOR" not in os.environ


if __name__ == "__main__":
    main()
