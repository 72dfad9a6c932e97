"""``sekisho check``: one decision with its findings, for those who write policy. Nothing is run, nothing is recorded.

It is the same order as at the doors, with the same registry, rules and analysis twin; only the entry of the record is
not written, because nothing is forwarded. Two things are assumed: that no rows went out before, and a token with an
hour to live.
"""

from __future__ import annotations

import contextlib
import ipaddress
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from io import StringIO
from typing import Any, Final

from gateway.authorize import Authority
from gateway.carry import carry
from gateway.config import Config, Datasource
from gateway.demo.show import Screen, Style, Tone
from gateway.doors.answers import facts_document
from gateway.doors.pg_session import OBLIGATIONS
from gateway.doors.postgres import nonce
from gateway.doors.profiles import choose_profile
from gateway.errors import ANSWERS, AuthenticationError, ConfigError, Reason
from gateway.facts.sightings import Sightings
from gateway.facts.volume import VolumeCounter
from gateway.links.engines import begin_engine
from gateway.links.secret import secret
from gateway.links.server import Credentials
from gateway.links.sources import Sources, load_sources
from gateway.links.twin import Twin
from gateway.model import DatasourceId, Door, Finding, Mode, Peer, Principal, PrincipalId
from gateway.needs import Ask, Need, NeedCounts, NeedDecision, NeedReading, NeedRoom, NeedTree, Outcome
from gateway.policy.metadata import rule_table
from gateway.rations import Rations
from gateway.strictness import strictness
from gateway.world import LiveWorld, bounds, server_address

_HOUR: Final = 3600
_NO_KEY: Final = b"\0" * 32  # of the statement hash: nothing is recorded
_LABEL: Final = 13  # columns of the text
# Reasons that are an answer to the question. All others say that it could not be answered.
_ANSWERS: Final = frozenset(reason for reason in Reason if ANSWERS[reason].sqlstate in ("00000", "42501"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What was asked on the command line."""

    principal: str
    place: str
    sql: str
    datasource: str | None
    groups: tuple[str, ...]
    mfa: bool
    at: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckAnswer:
    """One decision, as a document for machines and as text for people."""

    document: dict[str, Any]

    @property
    def answered(self) -> bool:
        """False where there is no decision: the database rejects the statement, or something could not be asked."""
        return self.document["reason"] in _ANSWERS

    @property
    def allowed(self) -> bool:
        """What the decision is."""
        return bool(self.document["effect"] == "allow")

    def text(self, style: Style) -> str:
        """The decision in words."""
        out = StringIO()
        _Text(Screen(out, style), self.document).print(answered=self.answered)
        return out.getvalue().strip("\n")


async def run_check(config: Config, question: Question) -> CheckAnswer:
    """Decide. Raises ConfigError for what cannot be asked."""
    sources = load_sources(config)
    at = question.at if question.at is not None else int(time.time())
    source = _datasource(config, question.datasource)
    strict = strictness([source], rule_table(sources.bundle.modules, sources.bundle.data), sources.registry)[source.id]
    principal = _principal(config, sources, question, at)
    peer = _peer(sources, question.place)
    try:
        profile = choose_profile(source.profiles, sources.registry, DatasourceId(source.id), principal, at)
    except AuthenticationError as error:
        known = "" if principal.id in sources.registry.people else f"; {principal.id} is not in the people registry"
        groups = ", ".join(principal.groups) or "none"
        raise ConfigError([f"--as: {error.detail} (groups: {groups}; --group names others{known})"]) from None
    path = source.twin.password_file
    twin = Twin(
        source,
        address=server_address(source),
        credentials=Credentials(user=source.twin.role, password=secret(path) if path is not None else None),
        tree_bytes=config.limits.tree_bytes,
        nonce=nonce,
        changed=lambda: None,
        vouched=lambda: sources.registry.vouched(DatasourceId(source.id)),
    )
    world = LiveWorld(config, sources.registry, sources.bundle.revision)
    world.twins[DatasourceId(source.id)] = twin
    authority = Authority(
        world=world,
        volume=VolumeCounter(),
        sightings=Sightings.of(config.limits),  # nobody was seen yet
        bounds=bounds(config),
        new_id=lambda: "(not recorded)",
        hash_key=_NO_KEY,
        own_name=nonce(),
        rations=Rations.of_nothing(world, _NO_KEY),
    )
    ask = Ask(
        door=Door.POSTGRES,
        datasource=DatasourceId(source.id),
        profile=profile.name,
        principal=principal,
        peer=peer,
        sql=question.sql,
        supports=OBLIGATIONS,
        sends=True,
        counts=True,
        session="check",
    )
    try:
        await twin.start()
        if twin.epoch is None:
            words = f" ({twin.server_words})" if twin.server_words else ""
            raise ConfigError([f"datasource {source.id}: {twin.trouble}{words}"])
        async with contextlib.aclosing(await begin_engine(config.policy, sources.bundle)) as engine:

            async def meet(need: Need) -> object:
                if isinstance(need, NeedTree):
                    return await twin.analyse(need.profile, need.text, need.parameter_types)
                if isinstance(need, NeedReading):
                    return need.task.perform()  # there is nobody else to be held up
                if isinstance(need, NeedCounts | NeedRoom):
                    return need.at_first()  # nothing went out yet
                if isinstance(need, NeedDecision):
                    return await engine.judge(need.document)
                return None  # nothing is forwarded, so nothing is recorded

            outcome = await carry(authority.authorize(ask, at * 1_000_000_000), meet)
    finally:
        twin.close()
    return CheckAnswer(document={**_document(ask, at, outcome), "strict": strict.strict, "strict_why": strict.why})


# -- the question ---------------------------------------------------------------------------------------------------


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
            raise ConfigError([f"--as: several people have this subject: {', '.join(sorted(found))}"])
        issuer = found[0].rpartition("#")[0] if found else config.issuers[0].issuer
    if issuer not in _issuers(config):
        raise ConfigError([f"--as: {issuer} is no issuer of this configuration, so nobody of it can log in"])
    person = people.get(PrincipalId(f"{issuer}#{subject}"))
    return Principal(
        issuer=issuer,
        subject=subject,
        database_user=subject,
        groups=question.groups or (person.groups if person is not None else ()),
        mfa=question.mfa,
        expires_at=at + _HOUR,
        issued_at=at,
    )


def _issuers(config: Config) -> set[str]:
    """Whoever a principal may be of."""
    others = (config.service_users, config.certificates)
    return {one.issuer for one in config.issuers} | {one.issuer for one in others if one is not None}


def _peer(sources: Sources, place: str) -> Peer:
    """An address, a site, or a country: then the first site there whose network says where somebody is."""
    try:
        return Peer(address=str(ipaddress.ip_address(place)), via_edge=True)
    except ValueError:
        pass
    sites = sources.registry.sites
    if place in sites:
        return Peer(address=None, site=place)
    direct = {name: site for name, site in sorted(sites.items()) if site.direct}
    for name, site in direct.items():
        if site.country == place.upper():
            return Peer(address=None, site=name)
    countries = ", ".join(sorted({site.country for site in direct.values()}))
    raise ConfigError(
        [f"--from: {place} is no address, no site ({', '.join(sorted(sites))}) and no country of a site ({countries})"]
    )


# -- the answer -----------------------------------------------------------------------------------------------------


def _document(ask: Ask, at: int, outcome: Outcome) -> dict[str, Any]:
    verdict = outcome.decision.verdict if outcome.decision is not None else None
    fields = dict(outcome.complaint.fields) if outcome.complaint is not None else {}
    return {
        "effect": verdict.effect if verdict is not None else None,
        "reason": outcome.reason,
        "message": outcome.message,
        "detail": outcome.detail if verdict is not None and not verdict.findings else "",
        "nearest": outcome.standing.hint if outcome.standing is not None else "",
        "as_of": datetime.fromtimestamp(at, UTC).isoformat(),
        "datasource": ask.datasource,
        "profile": ask.profile,
        "principal": ask.principal.id,
        "groups": list(ask.principal.groups),
        "facts": facts_document(outcome.standing.understanding) if outcome.standing is not None else None,
        "cross_border": verdict.cross_border if verdict is not None else None,
        "findings": [_finding(finding) for finding in (verdict.findings if verdict is not None else ())],
        "obligations": [asdict(one) for one in (verdict.obligations if verdict is not None else ())],
        "sent": outcome.standing.text if outcome.standing is not None else None,
        "complaint": {
            "sqlstate": outcome.complaint.sqlstate,
            "message": fields.get("M", ""),
            "detail": fields.get("D", ""),
            "hint": fields.get("H", ""),
            "position": int(fields["P"]) if fields.get("P", "").isdigit() else None,
        }
        if outcome.complaint is not None
        else None,
        "revision": verdict.revision if verdict is not None else "",
    }


def _finding(finding: Finding) -> dict[str, Any]:
    names = ("rule", "layer", "mode", "reason", "citation", "message", "fact", "value", "remedy")
    return {name: getattr(finding, name) for name in names}


class _Text:
    """The document on a screen."""

    def __init__(self, screen: Screen, document: Mapping[str, Any]) -> None:
        self._screen = screen
        self._document = document

    def print(self, *, answered: bool) -> None:
        document = self._document
        if not answered:
            self._screen.line("NOT DECIDED", Tone.BAD)
        else:
            allowed = document["effect"] == "allow"
            self._screen.line(document["effect"].upper(), Tone.GOOD if allowed else Tone.BAD)
        self._asked()
        if document["facts"] is not None:
            self._understood(document["facts"])
        if document["complaint"] is not None:
            self._complaint(document["complaint"])
        elif document["detail"] or not answered:
            self._field("why", document["message"].removeprefix("access denied: "))
            self._field("", document["detail"])
        for obligation in document["obligations"]:
            words = [str(value) for name, value in obligation.items() if name != "kind" and value not in (None, "")]
            self._field("obligation", f"{obligation['kind']}: {', '.join(words)}")
        self._field("sent instead", document["sent"] or "")
        self._field("nearest", document["nearest"])
        for finding in document["findings"]:
            self._rule(finding)

    def _field(self, name: str, text: str, *, indent: int = 2, tone: Tone = Tone.PLAIN) -> None:
        if text:
            self._screen.field(name, text, indent=indent, label=_LABEL, tone=tone)

    def _asked(self) -> None:
        document = self._document
        person = (document["facts"] or {}).get("person")
        who = f"{person}, {document['principal']}" if person else document["principal"]
        self._field("who", f"{who} (groups: {', '.join(document['groups']) or 'none'})")
        self._field("as of", document["as_of"].replace("T", " ").replace("+00:00", " UTC"))
        self._field("at", f"{document['datasource']}, profile {document['profile']}")
        self._field("strict", document["strict_why"])

    def _understood(self, facts: Mapping[str, Any]) -> None:
        employer, location, data = facts["employer"], facts["location"], facts["data"]
        chain = " -> ".join(f"{link['name']} ({link['country'] or 'country unknown'})" for link in employer["chain"])
        self._field("employer", "; ".join(part for part in (chain, employer["note"]) if part) or "unknown")
        where = ", ".join(location["countries"]) or "unknown"
        known_by = f"{location['site'] or ''} {location['source'].replace('_', ' ')}, {location['confidence']}".strip()
        conflict = "sources disagree" if location["conflict"] else ""
        said = known_by if location["countries"] else location["note"]
        self._field("location", "; ".join(part for part in (where, said, conflict) if part))
        statement = facts["statement"]
        self._field("statement", statement["kind"] + ("" if statement["complete"] else ", not understood completely"))
        for relation, columns in _by_relation(statement["relations"], statement["columns"]).items():
            self._field("touches", f"{relation}: {columns}" if columns else relation)
        if not statement["complete"]:
            return  # whose data it is was not established either
        about = "about people" if data["about_people"] else "not about people"
        self._field("data", ", ".join(data["types"]) or about)
        self._field("not labelled", ", ".join(data["unlabelled"]))
        if data["about_people"]:
            self._field("whose", f"people in {', '.join(data['subject_countries']) or 'countries nobody declared'}")
        self._field("border", "crossed" if self._document["cross_border"] else "not crossed")

    def _complaint(self, complaint: Mapping[str, Any]) -> None:
        at = f" at character {complaint['position']}" if complaint["position"] else ""
        self._field("the database", f"{complaint['message']} ({complaint['sqlstate']}{at})")
        self._field("", complaint["detail"])
        self._field("hint", complaint["hint"])

    def _rule(self, finding: Mapping[str, Any]) -> None:
        shadow = finding["mode"] == Mode.SHADOW
        acts = ", shadow: counted, not acted on" if shadow else ""
        self._screen.line()
        self._screen.line(
            f"{finding['rule']} ({finding['layer']}{acts})", Tone.FAINT if shadow else Tone.STRONG, indent=2
        )
        self._screen.line(finding["message"], indent=4)
        if finding["fact"]:
            value = json.dumps(finding["value"], ensure_ascii=False)
            self._field("fact", f"{finding['fact']} = {value}", indent=4)
        self._field("after", finding["citation"], indent=4)
        self._field("would help", finding["remedy"], indent=4)


def _by_relation(relations: Sequence[str], columns: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Relation -> its columns, each with how it is used."""
    found: dict[str, dict[str, list[str]]] = {relation: {} for relation in relations}
    for column in columns:
        uses = found.setdefault(column["relation"], {}).setdefault(column["column"], [])
        uses.append(column["use"].replace("_", " "))
    return {
        relation: ", ".join(f"{name} ({', '.join(sorted(uses))})" for name, uses in sorted(named.items()))
        for relation, named in found.items()
    }
