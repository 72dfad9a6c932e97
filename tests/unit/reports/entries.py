"""Record entries as the gateway writes them, made with its own builders."""

from __future__ import annotations

from datetime import UTC, datetime

from gateway.audit import record
from gateway.errors import Reason
from gateway.model import (
    ChainLink,
    Confidence,
    Country,
    DataFacts,
    DatasourceFacts,
    DatasourceId,
    DataType,
    Decision,
    Door,
    Effect,
    EmployerFacts,
    EntityId,
    Location,
    LocationSource,
    Principal,
    StatementEffect,
    StatementFacts,
    Understanding,
    Verdict,
    VolumeFacts,
)

PHONE = "user.contact.phone_number"
NAMES = {"line-cn": "Shanghai Digital", "line-jp": "LINE Corporation", "dalian": "Dalian Monitoring"}


def ns(moment: str) -> int:
    return int(datetime.fromisoformat(moment).replace(tzinfo=UTC).timestamp()) * 1_000_000_000


def principal(subject: str) -> Principal:
    return Principal(issuer="https://id.example", subject=subject, database_user=subject, expires_at=2**40)


def decision(
    id_: str,
    moment: str,
    *,
    who: str = "li",
    entity: str = "line-cn",
    law: str = "CN",
    at: str | None = "CN",
    types: tuple[str, ...] = (PHONE,),
    about_people: bool = True,
    unlabelled: tuple[str, ...] = (),
    allowed: bool = True,
    session: str = "s-1",
    door: Door = Door.POSTGRES,
    reused: bool = False,
) -> record.Entry:
    here = () if at is None else (Country(at),)
    link = ChainLink(hop=1, entity=EntityId(entity), name=NAMES[entity], country=Country(law), relation="affiliate")
    controller = EntityId("line-jp")
    facts = Understanding(
        at=ns(moment) // 1_000_000_000,
        door=door,
        datasource=DatasourceFacts(
            id=DatasourceId("messenger"),
            storage_countries=(Country("JP"),),
            controller=controller,
            controller_name=NAMES["line-jp"],
            controller_country=Country("JP"),
        ),
        profile="engineer",
        principal=principal(who),
        location=Location(countries=here, source=LocationSource.SITE_NETWORK, confidence=Confidence.ATTESTED),
        employer=EmployerFacts(
            known=True,
            complete=True,
            entity=EntityId(entity),
            name=NAMES[entity],
            country=Country(law),
            chain=(link,),
            person=who.title(),
        ),
        statement=StatementFacts(kind="select", effect=StatementEffect.READ, complete=True),
        data=DataFacts(
            about_people=about_people,
            data_types=tuple(map(DataType, types)),
            subject_countries=(Country("JP"),),
            subject_known=True,
            storage_countries=(Country("JP"),),
            controller=controller,
            columns=(),
            unlabelled=unlabelled,
        ),
        disclosures=(),
        agreements=(),
        volume=VolumeFacts(window="P1D", rows=0),
        purpose=None,
        valid_until=2**40,
        registry_revision="r1",
    )
    verdict = Verdict(
        effect=Effect.ALLOW if allowed else Effect.DENY,
        reason=Reason.ALLOWED if allowed else Reason.POLICY_DENIED,
        valid_until=2**40,
        revision="p1",
    )
    return record.decision_entry(
        facts,
        Decision(id=id_, at=facts.at, verdict=verdict, reused=reused),
        at_ns=ns(moment),
        session=session,
        statement="SELECT phone FROM users",
        statement_hash="",
    )


def repeat(id_: str, of: str, moment: str, session: str = "s-1") -> record.Entry:
    return record.repeat_entry(id_, of=of, at_ns=ns(moment), session=session)


def completion(id_: str, rows: int | None, moment: str, session: str = "s-1") -> record.Entry:
    return record.completion_entry(id_, at_ns=ns(moment), session=session, rows=rows, sqlstate=None, duration_us=9)


def event(name: str, moment: str, session: str | None = "s-1") -> record.Entry:
    return record.session_entry(name, at_ns=ns(moment), session=session)


def refusal(reason: Reason, moment: str, who: str = "li") -> record.Entry:
    return record.refusal_entry(
        f"r-{moment}",
        at_ns=ns(moment),
        session="s-1",
        door=Door.POSTGRES,
        datasource="messenger",
        profile="engineer",
        principal=principal(who),
        reason=reason,
    )
