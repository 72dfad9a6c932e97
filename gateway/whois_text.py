"""The document of `gateway.whois` for people: one fact a line, chains and owners as trees."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

Document = dict[str, Any]


def whois_text(document: Document) -> str:
    """All of it, readably."""
    show = {"person": _person, "entity": _entity, "address": _address}[document["kind"]]
    lines = [*show(document), "", f"as of {document['as_of']}, registry {document['registry_revision']}"]
    return "\n".join(line.rstrip() for line in lines)


def _line(name: str, text: str, why: str = "") -> str:
    return f"  {name:<14} {text}{f'   ({why})' if why else ''}"


def _fact(name: str, fact: Document) -> str:
    value = fact["value"]
    if value is None:
        return _line(name, "unknown", f"{fact['source']} does not say")
    return _line(name, str(value), f"{fact['confidence']}, {fact['source']}")


def _address(document: Document) -> Iterator[str]:
    found = document["location"]
    yield document["id"]
    yield _line("countries", ", ".join(found["countries"]) or "unknown", f"{found['confidence']}, {found['source']}")
    if found["site"]:
        yield _line("site", found["site"])
    if found["conflict"]:
        yield _line("conflict", "the sources disagree")
    if found["note"]:
        yield _line("why", found["note"])


def _person(document: Document) -> Iterator[str]:
    yield f"{document['name']}, {document['id']}"
    for identity in document["identities"]:
        yield _line("also", identity)
    for name in ("residence", "stay", "us_person"):
        yield _fact(name.replace("_", " "), document[name])
    if document["groups"]:
        yield _line("groups", ", ".join(document["groups"]))
    for job in document["employments"]:
        state = "" if job["in_force"] else ", not in force"
        under = f", under {job['contract']}" if job["contract"] else ""
        name = f"{job['name']} ({job['entity']}){_span(job)}{under}{state}"
        yield _line("employment", name, f"attested, {job['source']}")
    if not document["employments"]:
        yield _line("employment", "unknown", "none is registered")
    for towards in document["towards"]:
        yield ""
        yield from _towards(towards)


def _towards(towards: Document) -> Iterator[str]:
    yield f"towards {towards['controller']}"
    yield _line("relation", towards["relation"], "the same legal entity" if towards["same_legal_entity"] else "")
    if towards["blocked_by"]:
        yield _line("blocked by", towards["blocked_by"])
    for link in towards["chain"]:
        share = "" if link["share_percent"] is None else f", {link['share_percent']:g} percent"
        under = f" under {link['contract']}" if link["contract"] else ""
        place = link["country"] or "country unknown"
        branch = "" if link["hop"] == 0 else "  " * (link["hop"] - 1) + "└ "
        yield _line(
            "chain" if link["hop"] == 0 else "",
            f"{branch}{link['name']} ({link['entity']}), {place}: {link['relation']}{under}{share}",
        )
    for contract in towards["contracts"]:
        if contract["owner_of_principal"]:
            owner = contract["owner_of_principal"]
            yield _line("supervision", f"under {contract['id']} supervisor and supervised both belong to {owner}")
    yield from _owner_tree(towards["owner_tree"])
    yield from _held(towards["held"])
    yield _line("brings", ", ".join(towards["origins"]) or "no country known")
    if towards["note"]:
        yield _line("unknown", towards["note"])


def _entity(document: Document) -> Iterator[str]:
    lei = f", LEI {document['lei']}" if document["lei"] else ""
    yield f"{document['name']} ({document['id']}){lei}"
    yield _line("kind", document["entity_kind"], document["status"])
    yield _fact("country of law", document["country"])
    yield _fact("headquarters", document["headquarters"])
    if document["designations"]:
        yield _line("designated", ", ".join(document["designations"]))
    yield from _owner_tree(document["owners"])
    if not document["owners_known"]:
        yield _line("unknown", "who else owns it", document["owners_note"])
    for edge in document["owns"]:
        yield _line("owns", _holding(edge))
    for contract in document["contracts"]:
        audit = contract["last_audit"] or "never"
        who = f"{contract['contractor_name']} works for {contract['principal_name']}"
        yield _line("contract", f"{contract['id']}: {who}, {contract['purpose']}{_span(contract)}")
        yield _line("", f"sub-contractors {contract['subcontractors']}, last audit {audit}")
        if contract["transaction"] != "vendor" or contract["exemptions"]:
            exempt = "".join(f", exempt by {one}" for one in contract["exemptions"])
            yield _line("", f"transaction: {contract['transaction'].replace('_', ' ')}{exempt}")
    for agreed in document["agreements"]:
        kind = f"{agreed['kind']} ({agreed['scheme']})" if agreed["scheme"] else agreed["kind"]
        state = "" if agreed["in_force"] else ", not in force"
        name = f"{agreed['id']}: {kind} with {agreed['controller']}{_span(agreed)}{state}"
        yield _line("agreement", name, f"attested, {agreed['source']}")
        yield _line("", f"last check {agreed['last_check'] or 'never'}, foreign law {agreed['foreign_law_risk']}")
    for block in document["blocked_by"]:
        yield _line("blocked by", block)
    yield from _held(document["held"])


def _held(held: list[Document]) -> Iterator[str]:
    for one in held:
        span = "".join(f", {word} {one[key]}" for word, key in (("since", "since"), ("until", "until")) if one[key])
        yield _line("held", f"{one['test']}, {one['entity']}: {one['answer']}{span}", one["note"])
        for step in one["steps"]:
            if step["how"] == "owners":
                holders = " + ".join(f"{owner} {share:g}" for owner, share in step["holders"])
                yield _line("", f"  {step['entity']} by {holders}")
            else:
                yield _line("", f"  {step['entity']}: {' '.join(filter(None, (step['how'], step['country'])))}")
        for gap in one["gaps"]:
            of = f" of {gap['owner']}" if gap["owner"] else ""
            percent = f", {gap['percent']:g} percent" if gap["percent"] else ""
            yield _line("", f"  not known of {gap['entity']}: {gap['what']}{of}{percent}")


def _owner_tree(owners: list[Document], depth: int = 0) -> Iterator[str]:
    for owner in owners:
        again = " (shown above)" if owner["shown_above"] else ""
        yield _line("owners" if depth == 0 else "", f"{'  ' * depth}└ {_holding(owner)}{again}")
        yield from _owner_tree(owner["owners"], depth + 1)


def _holding(edge: Document) -> str:
    share = "share unknown" if edge["share_percent"] is None else f"{edge['share_percent']:g} percent"
    basis = "" if edge["basis"] == "shares" else f", by {edge['basis']}"
    seat = f", seat {edge['headquarters']}" if edge["headquarters"] not in (None, edge["country"]) else ""
    place = f"{edge['country'] or 'country unknown'}{seat}"
    return f"{edge['name']} ({edge['entity']}), {place}: {share}{basis}{_span(edge)}"


def _span(dates: Document) -> str:
    start = f" from {dates['from']}" if dates["from"] else ""
    return start + (f" to {dates['to']}" if dates["to"] else "")
