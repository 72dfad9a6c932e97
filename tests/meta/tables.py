"""README's tables, made from the code: ``python -m tests.meta.tables`` prints them, ``--write`` puts them there.

Each lies between ``<!-- settings -->`` and ``<!-- /settings -->``, and so on for ``injector``, ``metrics``,
``reasons``, ``flags``, ``drivers``. ``--write`` also makes what of the chart is made (`tests.meta.chart`).
`test_docs` holds README to them.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterator

import click
import yaml
from prometheus_client import CollectorRegistry

from gateway.config import Config
from gateway.config_load import iter_settings
from gateway.errors import ANSWERS
from gateway.injection_metrics import InjectionMetrics
from gateway.injector.settings import InjectorSettings
from gateway.metrics import Metrics
from tests.drivers.vocabulary import DRIVERS, Step
from tests.meta import chart
from tests.meta.tree import ROOT

README = ROOT / "README.md"


def _row(*cells: str) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def settings_rows(kind: type = Config, prefix: str = "") -> Iterator[str]:
    """One row per setting."""
    for setting in iter_settings(kind):
        default = setting.default if setting.default in ("required", "none", "its defaults") else f"`{setting.default}`"
        yield _row(f"`{prefix}{setting.name}`", setting.type, default, setting.help)


def injector_rows() -> Iterator[str]:
    """One row per setting of `sekisho inject`."""
    yield from settings_rows(InjectorSettings, "injector.yaml: ")


def metrics_rows() -> Iterator[str]:
    """One row per metric."""
    registry = CollectorRegistry()
    metrics = Metrics(registry, rules={}, datasources=[], incomplete_codes=[], version="0")
    metrics.policy_loaded("r", [])
    InjectionMetrics(registry, results=[], version="0")
    for family in registry.collect():
        name = f"{family.name}_total" if family.type == "counter" else family.name
        collector = registry._names_to_collectors[family.name]
        labels = ", ".join(f"`{label}`" for label in getattr(collector, "_labelnames", ()))
        yield _row(f"`{name}`", family.type, labels, family.documentation)


def alerts_rows() -> Iterator[str]:
    """One row per alert: its runbook."""
    for group in yaml.safe_load((ROOT / "helm" / "sekisho" / "files" / "alerts.yaml").read_text())["groups"]:
        for rule in group["rules"]:
            told = rule["annotations"]
            yield _row(f"`{rule['alert']}`", rule["labels"]["severity"], told["summary"], told["runbook"])


def reasons_rows() -> Iterator[str]:
    """One row per reason code."""
    for reason, answer in ANSWERS.items():
        yield _row(f"`{reason}`", f"`{answer.sqlstate}`", str(answer.http), f"`{answer.grpc}`", answer.summary)


def flags_rows() -> Iterator[str]:
    """One row per command and per flag or argument of a command."""
    from gateway.cli import main as command

    yield from _flags(command, "sekisho")


def _flags(command: click.Command, name: str) -> Iterator[str]:
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            shown = max(parameter.opts, key=len)
            if shown not in ("--help", "--version") and not parameter.hidden:
                yield _row(f"`{name} {shown}`", parameter.help or "")
        else:
            yield _row(f"`{name} {parameter.make_metavar(click.Context(command))}`", "")
    if isinstance(command, click.Group):
        for child, inner in sorted(command.commands.items()):
            yield _row(f"`{name} {child}`", inner.get_short_help_str(100))
            yield from _flags(inner, f"{name} {child}")


def drivers_rows() -> Iterator[str]:
    """One row per driver of the matrix: the steps it plays."""
    for driver in DRIVERS:
        yield _row(f"`{driver.name}`", *("yes" if step in driver.steps else "-" for step in Step), driver.why_not)


TABLES = {
    "settings": (("setting", "type", "default", "what it is"), settings_rows),
    "injector": (("setting", "type", "default", "what it is"), injector_rows),
    "metrics": (("metric", "type", "labels", "what it counts"), metrics_rows),
    "reasons": (("reason", "SQLSTATE", "HTTP", "gRPC", "what it means"), reasons_rows),
    "flags": (("command", "what it does"), flags_rows),
    "alerts": (("alert", "severity", "says", "what to do"), alerts_rows),
    "drivers": (("driver", *Step, "why not"), drivers_rows),
}


def table(name: str) -> str:
    """One whole table."""
    header, rows = TABLES[name]
    return "\n".join([_row(*header), _row(*("---" for _ in header)), *rows()])


def between(name: str, text: str) -> str | None:
    """What README has between a table's marks."""
    found = re.search(rf"<!-- {name} -->\n(.*?)\n?<!-- /{name} -->", text, flags=re.S)
    return found.group(1) if found else None


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="put the tables into README.md")
    if not parser.parse_args().write:
        for name in TABLES:
            print(f"<!-- {name} -->\n{table(name)}\n<!-- /{name} -->\n")
        return
    text = README.read_text()
    for name in TABLES:
        before, begin, rest = text.partition(f"<!-- {name} -->\n")
        _, end, after = rest.partition(f"<!-- /{name} -->")
        if not begin or not end:
            sys.exit(f"README.md has no <!-- {name} --> … <!-- /{name} -->")
        text = f"{before}{begin}{table(name)}\n{end}{after}"
    README.write_text(text)
    chart.stale(write=True)


if __name__ == "__main__":
    main()
