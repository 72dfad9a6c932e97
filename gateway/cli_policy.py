"""Commands of `gateway.cli` for those who write rules: which there are, and whether they answer as cases say."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from gateway.console import GOOD, NO, reporting_problems
from gateway.errors import ConfigError, PolicyUnavailable

if TYPE_CHECKING:
    from gateway.policy.bundle import Bundle
    from gateway.policy.cases import Case, Difference

_FILE = click.Path(path_type=Path, dir_okay=False, exists=True)
_FOLDER = click.Path(path_type=Path, file_okay=False, exists=True)
_OPA: Final = "opa"
_EMBEDDED: Final = "embedded"
_VERIFY: Final = "verify before relying on it"


def _bundle(folders: Sequence[Path]) -> Bundle:
    from gateway.links.sources import packaged_policies
    from gateway.policy.bundle import load_bundle

    first, *others = folders or (packaged_policies(),)
    return load_bundle(first, *others)


_policies_option = click.option(
    "--policies",
    "folders",
    type=_FOLDER,
    multiple=True,
    help="The packs' folder, and those laid over it; those that come with the gateway where none is given.",
)


@click.command("packs")
@_policies_option
@click.option("--cases", type=_FILE, multiple=True, help="Case files: how often each rule denies in them, and passes.")
@click.option("--as-of", type=click.DateTime(["%Y-%m-%d"]), help="Which rules are in force on this day; today.")
@click.option("--json", "as_json", is_flag=True, help="Print the same as JSON.")
@reporting_problems
def packs_command(folders: tuple[Path, ...], cases: tuple[Path, ...], as_of: datetime | None, as_json: bool) -> int:
    """List packs and rules: who owns them, what they cite, since when, in which mode, which cases show them.

    What is from memory and in no text that was read is listed at the end.

    \b
    sekisho packs
    sekisho packs --policies ./policies --cases ./cases/shop.yaml
    sekisho packs --json | jq '.rules[] | select(.mode == "shadow")'
    """
    from gateway.policy.packs import choices_of, packs_of, unverified

    bundle = _bundle(folders)
    day = (as_of or datetime.now(UTC)).date().isoformat()
    answered = _answered(bundle, cases) if cases else None
    rules = list(_rules(bundle, day, answered))
    memory = [*(f"rule {rule['id']}" for rule in rules if rule["confidence"] == "memory"), *unverified(bundle.data)]
    packs = [
        {
            "id": pack.id,
            "owner": pack.owner,
            "subject_countries": list(pack.subject_countries),
            "storage_countries": list(pack.storage_countries),
            "required": pack.required,
            "chosen": pack.chosen,
            "with_request": pack.with_request,
            "action": pack.action,
        }
        for pack in packs_of(bundle.data)
    ]
    document = {
        "revision": bundle.revision,
        "as_of": day,
        "packs": packs,
        "datasources": {name: dict(said) for name, said in choices_of(bundle.data).items()},
        "rules": rules,
        "verify": memory,
    }
    if as_json:
        click.echo(json.dumps(document, indent=2, ensure_ascii=False))
        return GOOD
    for line in _told(document):
        click.echo(line)
    return GOOD


def _rules(bundle: Bundle, day: str, answered: Sequence[tuple[Case, Any]] | None) -> Iterator[dict[str, Any]]:
    from gateway.policy.metadata import rule_rows, rule_texts

    for path, text in bundle.modules:
        for rule in rule_texts(path, text):
            row = rule_rows(bundle.data, rule.pack)[rule.id]
            ended = row["effective_to"] is not None and row["effective_to"] <= day
            yield {
                "id": rule.id,
                "pack": rule.pack,
                **{name: row[name] for name in ("title", "layer", "mode", "citation", "owner")},
                "effective_from": row["effective_from"],
                "effective_to": row["effective_to"],
                "in_force": row["effective_from"] <= day and not ended,
                "confidence": row.get("confidence"),
                "place": rule.place,
                "cases": list(((rule.metadata or {}).get("custom") or {}).get("cases", [])),
                "denies_in": None if answered is None else _denying(rule.id, answered),
            }


def _denying(rule: str, answered: Sequence[tuple[Case, Any]]) -> list[str]:
    """The cases in which a rule speaks."""
    return [case.id for case, answer in answered if any(one["rule"] == rule for one in answer["findings"])]


def _told(document: Mapping[str, Any]) -> Iterator[str]:
    yield f"policy revision {document['revision']}, {len(document['rules'])} rules, as of {document['as_of']}"
    for pack in [{"id": "sekisho/shape", "owner": "platform"}, *document["packs"]]:
        when = ", ".join(_when(pack))
        yield f"\n{pack['id']}  (owner: {pack['owner']}{'; ' + when if when else ''})"
        for rule in (one for one in document["rules"] if one["pack"] == pack["id"]):
            yield from _rule_lines(rule)
    for name, choice in document["datasources"].items():
        said = [f"{word} {', '.join(choice[word])}" for word in ("also", "without") if choice.get(word)]
        yield f"\ndatasource {name}: {'; '.join(said)}"
    if document["verify"]:
        yield f"\n{_VERIFY}:"
        yield from (f"  {place}" for place in document["verify"])


def _when(pack: Mapping[str, Any]) -> Iterator[str]:
    if countries := pack.get("subject_countries"):
        yield f"people of {_some(countries)}"
    if countries := pack.get("storage_countries"):
        yield f"data that lies in {_some(countries)}"
    if pack.get("action") == "audit.read":
        yield "about reading the record"
    if pack.get("required"):
        yield "always asked"
    if pack.get("chosen"):
        yield "only where a datasource chooses it"
    if pack.get("with_request"):
        yield "only where an authority asked"


def _some(countries: Sequence[str]) -> str:
    more = len(countries) - 4
    return ", ".join(countries[:4]) + (f" and {more} more" if more > 0 else "")


def _rule_lines(rule: Mapping[str, Any]) -> Iterator[str]:
    until = f" to {rule['effective_to']}" if rule["effective_to"] else ""
    notes = [rule["mode"], f"from {rule['effective_from']}{until}"]
    if not rule["in_force"]:
        notes.append("not in force")
    if rule["confidence"] == "memory":
        notes.append(_VERIFY)
    yield f"  {rule['id']}  {rule['title']}"
    yield f"      {', '.join(notes)}; {rule['citation']}"
    shown = [f"cases {', '.join(rule['cases'])}"] if rule["cases"] else []
    if rule["denies_in"] is not None:
        shown.append(f"speaks in {len(rule['denies_in'])} of the cases given" if rule["denies_in"] else "no case given")
    if shown:
        yield f"      {'; '.join(shown)}"


@click.command("test")
@click.argument("files", nargs=-1, required=True, type=_FILE)
@_policies_option
@click.option(
    "--engine", type=click.Choice([_EMBEDDED, _OPA]), default=_EMBEDDED, show_default=True, help="Who is asked."
)
@click.option(
    "--opa-url", default="http://127.0.0.1:8181", show_default=True, help="Of --engine opa: where it listens."
)
@click.option("--json", "as_json", is_flag=True, help="Print every case with its differences as JSON.")
@reporting_problems
def test_command(files: tuple[Path, ...], folders: tuple[Path, ...], engine: str, opa_url: str, as_json: bool) -> int:
    """Run case files: facts in; effect, rules and obligations out.

    Exits with 0 where every case is answered as it says, 1 where one is not, 2 where a file cannot be read or nobody
    answers. An OPA that is asked has to serve the same bundle, by its revision.

    \b
    sekisho test cases/*.yaml
    sekisho test cases/shop.yaml --policies ./policies
    sekisho test cases/*.yaml --engine opa --opa-url http://127.0.0.1:8181
    """
    import asyncio

    from gateway.policy.cases import BASE, differences, read_cases

    bundle = _bundle(folders)
    cases = read_cases([path for path in files if path.name != BASE])
    answers = asyncio.run(_by_opa(bundle, cases, opa_url)) if engine == _OPA else _in_process(bundle, cases)
    found = [(case, differences(case, answer)) for case, answer in zip(cases, answers, strict=True)]
    failed = sum(1 for _, told in found if told)
    if as_json:
        click.echo(json.dumps(_as_json(bundle, engine, found), indent=2, ensure_ascii=False))
    else:
        for case, told in found:
            for line in _case_lines(case, told):
                click.echo(line)
        plural = "s" if len(found) != 1 else ""
        about = f"policy revision {bundle.revision}, engine {engine}"
        click.echo(f"{len(found)} case{plural}, {failed} failed ({about})")
    return NO if failed else GOOD


def _as_json(bundle: Bundle, engine: str, found: Sequence[tuple[Case, tuple[Difference, ...]]]) -> dict[str, Any]:
    return {
        "revision": bundle.revision,
        "engine": engine,
        "cases": [
            {
                "case": case.id,
                "ok": not told,
                "differences": [{"what": one.what, "expected": one.expected, "got": one.got} for one in told],
            }
            for case, told in found
        ],
        "failed": sum(1 for _, told in found if told),
    }


def _case_lines(case: Case, told: Sequence[Difference]) -> Iterator[str]:
    yield f"{'FAILED' if told else 'ok':<8}{case.id}"
    if told and case.basis:
        yield f"        because of {case.basis}"
    for one in told:
        yield f"        {one.what}"
        yield f"          - {json.dumps(one.expected, ensure_ascii=False)}"
        yield f"          + {json.dumps(one.got, ensure_ascii=False)}"


def _answered(bundle: Bundle, files: Sequence[Path]) -> list[tuple[Case, Any]]:
    from gateway.policy.cases import read_cases

    cases = read_cases(files)
    return list(zip(cases, _in_process(bundle, cases), strict=True))


def _in_process(bundle: Bundle, cases: Sequence[Case]) -> list[Any]:
    from gateway.policy.inprocess import InProcessEngine

    engine = InProcessEngine(bundle)
    return [engine.evaluate(case.document) for case in cases]


async def _by_opa(bundle: Bundle, cases: Sequence[Case], url: str) -> list[Any]:
    from gateway.config import Opa, Policy
    from gateway.links.engines import begin_engine, engine_trouble

    settings = Policy(opa=Opa(url=url))
    engine = await begin_engine(settings, bundle, patience=2.0)
    if trouble := await engine_trouble(settings, bundle):
        await engine.aclose()
        raise ConfigError([f"--opa-url: {trouble}"])
    try:
        return [await _judged(engine, case) for case in cases]
    finally:
        await engine.aclose()


async def _judged(engine: Any, case: Case) -> Any:
    try:
        return await engine.judge(case.document)
    except PolicyUnavailable as error:
        raise PolicyUnavailable(error.reason, f"{case.id}: {error.detail or error.answer.summary}") from None
