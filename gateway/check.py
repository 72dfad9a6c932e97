"""``sekisho check``: one decision with its findings, for those who write policy. Nothing is run, nothing is recorded.

It is the same order as at the doors, with the same registry, rules and analysis twin; only the entry of the record is
not written, because nothing is forwarded.
"""

from __future__ import annotations

import ipaddress
import json
import time
from dataclasses import dataclass
from typing import Any

import click

from gateway.app import LiveWorld, Sources, bounds, load_sources, secret, server_address
from gateway.authorize import Authority
from gateway.config import Config, Datasource
from gateway.doors.desk import choose_profile
from gateway.doors.postgres import nonce
from gateway.errors import AuthenticationError, ConfigError, UpstreamError
from gateway.facts.volume import VolumeCounter
from gateway.links.server import Credentials
from gateway.links.twin import Twin
from gateway.model import DatasourceId, Door, Mode, Peer, Principal, PrincipalId
from gateway.needs import Ask, Need, NeedDecision, NeedTree, Outcome
from gateway.policy.inprocess import InProcessEngine

_HOUR = 3600
_NO_KEY = b"\0" * 32  # of the statement hash: nothing is recorded


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What was asked on the command line."""

    principal: str
    place: str
    sql: str
    datasource: str | None
    groups: tuple[str, ...]
    at: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckAnswer:
    """One decision, as a document for machines and as text for people."""

    allowed: bool
    document: dict[str, Any]

    def text(self, colour: bool) -> str:
        """The decision in words."""
        document = self.document
        word = click.style(document["effect"].upper(), fg="green" if self.allowed else "red", bold=True)
        lines = [f"{word if colour else click.unstyle(word)}  {document['message'] or document['reason']}", ""]
        for name, value in document["facts"].items():
            lines.append(f"  {name:<12} {value}")
        if document["complaint"]:
            lines += ["", f"  the database says: {document['complaint'].get('M', '')}"]
        for finding in document["findings"]:
            shadow = "  (shadow: counted, not enforced)" if finding["mode"] == Mode.SHADOW else ""
            lines += ["", f"  {finding['rule']}  [{finding['layer']}]{shadow}", f"    {finding['message']}"]
            if finding["fact"]:
                lines.append(f"    fact: {finding['fact']} = {json.dumps(finding['value'], ensure_ascii=False)}")
            lines += [f"    {label}: {finding[label]}" for label in ("citation", "remedy") if finding[label]]
        return "\n".join(lines)


async def run_check(config: Config, question: Question) -> CheckAnswer:
    """Decide. Raises ConfigError for what cannot be asked."""
    sources = load_sources(config)
    at = question.at if question.at is not None else int(time.time())
    source = _datasource(config, question.datasource)
    principal = _principal(config, sources, question, at)
    try:
        profile = choose_profile(source.profiles, sources.registry, DatasourceId(source.id), principal, at)
    except AuthenticationError as error:
        raise ConfigError([f"{error.detail} (groups: {', '.join(principal.groups) or 'none'})"]) from None
    world = LiveWorld(config, sources.registry, sources.bundle.revision)
    twin = Twin(
        source,
        address=server_address(source),
        credentials=Credentials(user=source.twin.role, password=secret(source.twin.password_file)),
        tree_bytes=config.limits.tree_bytes,
        nonce=nonce,
        changed=lambda: None,
    )
    world.twins[DatasourceId(source.id)] = twin
    authority = Authority(
        world=world, volume=VolumeCounter(), bounds=bounds(config), new_id=lambda: "(not recorded)", hash_key=_NO_KEY
    )
    ask = Ask(
        door=Door.POSTGRES,
        datasource=DatasourceId(source.id),
        profile=profile.name,
        principal=principal,
        peer=_peer(sources, question.place),
        sql=question.sql,
        session="check",
    )
    try:
        await twin.start()
        return _answer(await _drive(authority, ask, at, InProcessEngine(sources.bundle), twin))
    finally:
        twin.close()


async def _drive(authority: Authority, ask: Ask, at: int, engine: InProcessEngine, twin: Twin) -> Outcome:
    work = authority.authorize(ask, at * 1_000_000_000)
    try:
        need: Need = next(work)
        while True:
            if isinstance(need, NeedTree):
                need = work.send(await twin.analyse(need.profile, need.text, need.parameter_types))
            elif isinstance(need, NeedDecision):
                need = work.send(engine.evaluate(need.document))
            else:
                need = work.send(None)  # nothing is forwarded, so nothing is recorded
    except StopIteration as end:
        outcome: Outcome = end.value
        return outcome
    except UpstreamError as error:
        raise ConfigError([f"the analysis twin cannot be asked: {error.detail}"]) from None


def _datasource(config: Config, name: str | None) -> Datasource:
    known = {source.id: source for source in config.datasources}
    if name is None and len(known) == 1:
        return next(iter(known.values()))
    if name not in known:
        raise ConfigError([f"--datasource: choose one of {', '.join(sorted(known))}"])
    return known[name]


def _principal(config: Config, sources: Sources, question: Question, at: int) -> Principal:
    people = sources.registry.people
    issuer, separator, subject = question.principal.rpartition("#")
    if not separator:
        found = [PrincipalId(one) for one in people if one.rpartition("#")[2] == question.principal]
        if len(found) > 1:
            raise ConfigError([f"--as: several people have this subject: {', '.join(found)}"])
        issuer = found[0].rpartition("#")[0] if found else config.issuers[0].issuer
        subject = question.principal
    person = people.get(PrincipalId(f"{issuer}#{subject}"))
    return Principal(
        issuer=issuer,
        subject=subject,
        database_user=subject,
        groups=question.groups or (person.groups if person is not None else ()),
        expires_at=at + _HOUR,
        issued_at=at,
    )


def _peer(sources: Sources, place: str) -> Peer:
    """An address, a site, or a country: then the first site there whose network says where somebody is."""
    try:
        return Peer(address=str(ipaddress.ip_address(place)), via_edge=True)
    except ValueError:
        pass
    sites = sources.registry.sites
    if place in sites:
        return Peer(address=None, site=place)
    for name, site in sorted(sites.items()):
        if site.country == place.upper() and site.direct:
            return Peer(address=None, site=name)
    raise ConfigError([f"--from: {place} is no address, and the registry has no site of that name or country"])


def _answer(outcome: Outcome) -> CheckAnswer:
    decision, standing = outcome.decision, outcome.standing
    verdict = decision.verdict if decision is not None else None
    facts: dict[str, str] = {}
    if standing is not None:
        seen = standing.understanding
        chain = " -> ".join(f"{link.name} ({link.country or 'country unknown'})" for link in seen.employer.chain)
        facts = {
            "who": seen.employer.person or seen.principal.id,
            "employer": chain or seen.employer.note or "unknown",
            "location": ", ".join(seen.location.countries) or f"unknown: {seen.location.note}",
            "statement": f"{seen.statement.kind}, {'complete' if seen.statement.complete else seen.statement.detail}",
            "relations": ", ".join(seen.statement.relations) or "none",
            "data types": ", ".join(seen.data.data_types) or "none",
            "data of": ", ".join(seen.data.subject_countries) or "nobody",
            "cross-border": "yes" if verdict is not None and verdict.cross_border else "no",
        }
    findings = [
        {
            "rule": finding.rule,
            "layer": finding.layer,
            "mode": finding.mode,
            "citation": finding.citation,
            "message": finding.message,
            "fact": finding.fact,
            "value": finding.value,
            "remedy": finding.remedy,
        }
        for finding in (verdict.findings if verdict is not None else ())
    ]
    return CheckAnswer(
        allowed=outcome.allowed,
        document={
            "effect": "allow" if outcome.allowed else "deny",
            "reason": outcome.reason,
            "message": outcome.message,
            "facts": facts,
            "findings": findings,
            "obligations": [one.kind for one in verdict.obligations] if verdict is not None else [],
            "complaint": dict(outcome.complaint.fields) if outcome.complaint is not None else None,
            "revision": verdict.revision if verdict is not None else "",
        },
    )
