"""What is understood of a request's statement before it is decided: what it touches.

``Statements`` asks the server for the tree of a text once; after that it is known by its text, or by its shape, until
the catalogs change. A text that uses names of a session does what those names stand for: PREPARE and DECLARE what they
prepare, EXECUTE and FETCH what was prepared. `gateway.circumstances` has the rest. Generators and functions: no socket,
no clock.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace
from hashlib import blake2b
from typing import Any

from gateway.errors import PolicyUnavailable, SekishoError
from gateway.model import Complaint, DatasourceId, Door, PrincipalId, StatementEffect, StatementFacts
from gateway.naming import Meaning, NameDeed, NameKind, NameUse, Naming, SessionNames
from gateway.needs import Analysis, Ask, Bounds, Need, NeedReading, NeedTree, NeedTurn, World
from gateway.reading import LONG_TEXT, Inspected, InspectText, NormaliseText, ReadTrees, Task, large
from gateway.reuse import Bounded, Known, weight
from gateway.search_path import PathDeed, PathState, rests_on, written
from gateway.sql import gate, wording
from gateway.sql.catalog import Catalog
from gateway.sql.codes import SUMMARIES, IncompleteCode
from gateway.sql.creating import created
from gateway.sql.named import Names
from gateway.sql.names import argument_query
from gateway.sql.remark import MARK, bare
from gateway.sql.together import together, together_with

_PREPARABLE = frozenset({"select", "insert", "update", "delete", "merge"})
_MADE_BEFORE = "what it means cannot be seen before what is made ahead of it in the same text: send them one by one"
_UNDECLARED = "EXECUTE with expressions is let through only where PREPARE declares types of the server's plain ones"
Made = dict[tuple[NameKind, str], Meaning | None]  # by earlier statements of the same text
Meant = tuple[tuple[NameKind, str, Meaning | None], ...]


class Statements:
    """What texts do: asked of the server once, known until the catalogs change."""

    def __init__(self, *, world: World, bounds: Bounds) -> None:
        self._world = world
        self._bounds = bounds
        self._texts: Bounded[tuple[object, ...], Known] = Bounded(bounds.known_statements)
        self._shapes: Bounded[tuple[object, ...], Known] = Bounded(bounds.known_statements)
        self._cuts: Bounded[str, wording.Cuts] = Bounded(bounds.known_statements)  # a matter of grammar: never void
        self._namings: Bounded[str, Naming | None] = Bounded(bounds.known_statements)
        # Of strict sessions, which are asked about a text each time it comes.
        self._gated: Bounded[str, tuple[gate.GateStatement, ...]] = Bounded(bounds.known_statements)
        self._trees: Bounded[tuple[object, ...], tuple[Catalog, StatementFacts]] = Bounded(bounds.known_statements)

    def forget(self) -> None:
        """The catalogs changed: what statements mean must be asked again."""
        self._texts.clear()
        self._shapes.clear()
        self._trees.clear()

    def naming(self, ask: Ask) -> Generator[Need, Any, Naming | None]:
        """What the text does with names of its session; None for nearly every text. Not what they stand for."""
        if ask.names is None:  # the wire gives them where a text may use one (`pgwire.sqlnames.may_name`)
            return None
        who = ask.principal.id
        known = self._namings.get(ask.sql, who)
        if known is None:
            try:
                statements = yield from self._in_turn(ask)
            except (gate.Refused, PolicyUnavailable):  # `read` says so
                return None
            known = Naming(tuple(one.use for one in statements))
            self._namings.put(ask.sql, known, who, weight(ask.sql))
        return known if any(known.steps) else None

    def read(self, ask: Ask, epoch: str | None, meant: Meant = ()) -> Generator[Need, Any, StatementFacts | Complaint]:
        """Facts of one text, or the server's complaint. ``epoch``: as of before this call; None: nothing is kept.

        ``meant``: what the names that it uses stand for (``meant_by``): another meaning is another text.
        """
        if ask.given is not None:
            return ask.given
        if ask.own_session:
            epoch = None  # its own server says what it means, each time
        elif ask.names is None and (plain := bare(ask.sql)) is not ask.sql:
            ask = replace(ask, sql=plain)
        key = (*_where(ask), ask.sql, ask.parameter_types, ask.path_state, ask.names is None, meant)
        who = ask.principal.id
        known = self._still(ask.datasource, self._texts.get(key, who), epoch)
        if known is not None:
            return known
        knowable = epoch is not None and ask.path_state is not PathState.UNKNOWN
        scanned = self._scan(ask.sql) if knowable else None
        if scanned is not None:
            known = self._known_shape(ask, scanned, epoch)
            if known is not None:
                return known
        try:
            statements = yield from self._inspect(ask)
        except gate.Refused as refused:
            if refused.code is IncompleteCode.TEXT_UNPARSABLE:
                # A typo is the server's to complain of, in its own words; what only the gate cannot read stays refused.
                analysis: Analysis = yield replace(tree(ask, ask.sql, frozenset()), paid=_short(ask))
                if analysis.complaint is not None:
                    return analysis.complaint
            return _refused("unknown", refused.detail, refused.code)
        if scanned is not None and len(statements) == 1 and statements[0].shape is not None:
            cuts = wording.learn(scanned, statements[0].shape)
            if cuts is not None:
                self._cuts.put(scanned.wording, cuts, who, weight(ask.sql))
        facts: list[StatementFacts] = []
        made: Made = {}
        creates = False
        asked = ask
        for statement in statements:
            if statement.use is not None:
                found = yield from self._named(asked, statement, statement.use, epoch, made)
            elif statement.facts is not None:
                found = statement.facts
            elif asked.path_state is PathState.UNKNOWN:
                found = _refused(statement.kind, SUMMARIES[IncompleteCode.PATH_UNKNOWN], IncompleteCode.PATH_UNKNOWN)
            else:
                found = yield from self._analyse(asked, statement, epoch, paid=not facts and _short(ask))
            if isinstance(found, Complaint) and not creates:
                return found
            facts.append(found if isinstance(found, StatementFacts) else _refused(statement.kind, _MADE_BEFORE))
            creates = creates or bool(statement.creates)
            asked = _after(asked, statement, facts[-1])
        whole = together(facts)
        if epoch is not None and epoch == self._world.epoch(ask.datasource):
            self._texts.put(key, Known(whole, epoch), who, weight(ask.sql))
        return whole

    def likeness(self, text: str, who: PrincipalId) -> str | bytes | None:
        """What a text has in common with all that differ from it in nothing but constants that cannot change what it
        does: its wording, where every constant is cut out of its shape, and else its shape. None where there are none,
        or they are not known yet; and where it ends with another application's trace, what is before that."""
        plain = bare(text)
        scanned = self._scan(plain)
        cuts = self._cuts.get(scanned.wording, who) if scanned is not None else None
        if scanned is None or cuts is None:
            return None if plain is text else MARK + plain
        return wording.shape(scanned, cuts) if cuts.kept else scanned.wording

    def _scan(self, text: str) -> wording.Scanned | None:
        longest = min(LONG_TEXT, self._bounds.statement_bytes)  # what is longer is read where it holds up nobody
        return wording.scan(text, max_bytes=longest)

    def _still(self, datasource: DatasourceId, known: Known | None, epoch: str | None) -> StatementFacts | None:
        """What is known, if it is still so at this epoch: then it is known as of it."""
        if known is None or epoch is None:
            return None
        if known.epoch != epoch:
            if not self._world.stands(datasource, known.epoch, known.facts.depends):
                return None
            known.epoch = epoch
        return known.facts

    def normalised(self, ask: Ask) -> Generator[Need, Any, str]:
        """The text for the record; empty where it cannot be read, or there is no time for it. It has its hash."""
        if ask.given is not None:
            return ask.sql
        if len(ask.sql) > self._bounds.statement_bytes:
            return ""
        if len(ask.sql) < LONG_TEXT:
            return gate.normalise(ask.sql)
        try:
            found: str = yield reading(ask, NormaliseText(ask.sql))
        except SekishoError:
            return ""
        return found

    def _known_shape(self, ask: Ask, scanned: wording.Scanned, epoch: str | None) -> StatementFacts | None:
        """Facts of a text of one statement whose words are known but for its constants: nothing is parsed."""
        who = ask.principal.id
        cuts = self._cuts.get(scanned.wording, who)
        if cuts is None:
            return None
        key = (*_where(ask), wording.shape(scanned, cuts), ask.parameter_types)
        return self._still(ask.datasource, self._shapes.get(key, who), epoch)

    def _analyse(
        self, ask: Ask, statement: gate.GateStatement, epoch: str | None, *, paid: bool
    ) -> Generator[Need, Any, StatementFacts | Complaint]:
        """Facts of one statement: those of its shape, where that is known, else the server is asked."""
        key = (*_where(ask), statement.shape, ask.parameter_types)
        who = ask.principal.id
        known = self._still(ask.datasource, self._shapes.get(key, who), epoch) if statement.shape is not None else None
        if known is not None:
            return known
        analysis: Analysis = yield replace(tree(ask, statement.subject, statement.names()), paid=paid)
        if analysis.complaint is not None:
            return _placed(analysis.complaint, None if statement.asked else statement.offset + statement.inner)
        facts = yield from self._facts(ask, statement.kind, analysis)
        if statement.creates:
            facts = created(facts, statement.creates)
        if statement.assigned is not None:  # a set_config, and nothing else
            facts = replace(facts, path=statement.assigned.deed)
        if statement.shape is not None and epoch is not None and epoch == self._world.epoch(ask.datasource):
            self._shapes.put(key, Known(facts, epoch), who, weight(ask.sql))
        return facts

    def _inspect(self, ask: Ask) -> Generator[Need, Any, tuple[gate.GateStatement, ...]]:
        """The statements of a text. Raises gate.Refused."""
        who = ask.principal.id
        known = self._gated.get(ask.sql, who) if ask.own_session else None
        if known is not None:
            return known
        found = yield from self._in_turn(ask)
        if ask.own_session:
            kept = tuple(replace(one, relations=one.names(), node=None) for one in found)
            self._gated.put(ask.sql, kept, who, weight(ask.sql))
        return found

    def _in_turn(self, ask: Ask) -> Generator[Need, Any, tuple[gate.GateStatement, ...]]:
        """What the gate makes of a text nobody knows, once it is the principal's turn: also of one that it refuses, and
        whoever sends those without end would else keep everybody waiting. Raises gate.Refused."""
        if _short(ask):  # a long one is read elsewhere, which is a turn by itself
            yield NeedTurn(ask.principal.id, _patient(ask))
        return (yield from inspected(ask, ask.sql, self._bounds.statement_bytes))

    def _facts(self, ask: Ask, kind: str, analysis: Analysis) -> Generator[Need, Any, StatementFacts]:
        """What trees say; those of a strict session are read once with each catalog."""
        if not ask.own_session:
            return (yield from read(ask, kind, analysis, self._bounds.tree_bytes))
        who = ask.principal.id
        key = (kind, ask.search_path, blake2b("\0".join(analysis.trees).encode("utf-8", "surrogatepass")).digest())
        known = self._trees.get(key, who)
        if known is not None and known[0] is analysis.catalog:
            return known[1]
        facts = yield from read(ask, kind, analysis, self._bounds.tree_bytes)
        self._trees.put(key, (analysis.catalog, facts), who, weight(ask.sql))
        return facts

    def _named(
        self, ask: Ask, statement: gate.GateStatement, use: NameUse, epoch: str | None, made: Made
    ) -> Generator[Need, Any, StatementFacts | Complaint]:
        """Facts of a statement that uses a name: those of what the name is given to, or stands for."""
        if statement.facts is not None:
            _dropped(use, made)
            return statement.facts
        if ask.path_state is PathState.UNKNOWN:
            return _refused(statement.kind, SUMMARIES[IncompleteCode.PATH_UNKNOWN], IncompleteCode.PATH_UNKNOWN)
        if ask.names is None:
            return _refused(statement.kind, f"{statement.kind.upper()} is let through only where sessions are known")
        if use.deed is NameDeed.MAKE:
            meaning: Meaning | None = Meaning(use.text, ask.parameter_types if use.types is None else use.types)
            place: int | None = statement.offset + statement.inner
        else:
            meaning, place = _stands_for(ask.names, use, made), None
        if meaning is None:  # the server's to complain of, in its own words
            return StatementFacts(kind=statement.kind, effect=StatementEffect.SESSION, complete=True)
        # Without names: what a name stands for can itself be no EXECUTE or FETCH.
        inner = replace(ask, sql=meaning.text, parameter_types=meaning.types, names=None)
        found = yield from self.read(inner, epoch)
        if isinstance(found, Complaint):
            return _placed(found, place)
        if found.complete and found.kind not in _PREPARABLE:
            return _refused(statement.kind, f"{statement.kind.upper()} of {found.kind.upper()} is not let through")
        if use.deed is NameDeed.MAKE:
            made[use.kind, use.name] = meaning
        seen = meaning.seen
        if use.arguments:
            query = argument_query(use.arguments, meaning.types)
            if query is None:
                return _refused(statement.kind, _UNDECLARED)
            given = yield from self.read(replace(inner, sql=query, parameter_types=()), epoch)
            if isinstance(given, Complaint):
                return _placed(given, None)
            seen = (*seen, given)
        return replace(together_with(found, seen), kind=statement.kind)


def meant_by(ask: Ask, naming: Naming | None) -> Meant:
    """What the names that a text runs stand for now."""
    if naming is None or ask.names is None:
        return ()
    runs = {(use.kind, use.name) for use in naming.steps if use is not None and use.deed is NameDeed.RUN}
    return tuple((kind, name, ask.names.meaning(kind, name)) for kind, name in sorted(runs))


def _stands_for(names: SessionNames, use: NameUse, made: Made) -> Meaning | None:
    if (use.kind, use.name) in made:
        return made[use.kind, use.name]
    return None if (use.kind, "") in made else names.meaning(use.kind, use.name)


def _dropped(use: NameUse, made: Made) -> None:
    """A name stands for nothing from here on; no name is empty, so that one stands for all of them."""
    if use.deed is NameDeed.DROP_ALL:
        for name in [name for name in made if name[0] is use.kind]:
            del made[name]
    made[use.kind, use.name] = None


def _refused(kind: str, detail: str, code: IncompleteCode = IncompleteCode.KIND_REFUSED) -> StatementFacts:
    return StatementFacts(kind=kind, effect=StatementEffect.NONE, complete=False, incomplete=str(code), detail=detail)


def _where(ask: Ask) -> tuple[object, ...]:
    """Where a text is asked about, and how its names are looked up there: so begins every key of what is known."""
    return ask.datasource, ask.profile, ask.search_path


def _after(ask: Ask, statement: gate.GateStatement, facts: StatementFacts) -> Ask:
    """The question about what follows a statement in the same text: under the path that will be in force by then."""
    if facts.path is PathDeed.KEEPS:
        return ask
    if facts.path is PathDeed.SETS:
        path = statement.assigned.path if statement.assigned is not None else None
        if path is None or ask.own_session:  # which is asked before any of the text is run
            return replace(ask, path_state=PathState.UNKNOWN)
        return replace(ask, search_path=written(path), path_state=PathState.OPEN)
    # The end of a transaction: what was set in it is undone, or not, as it ends.
    return ask if ask.path_state is PathState.SETTLED else replace(ask, path_state=PathState.UNKNOWN)


def inspected(ask: Ask, text: str, max_bytes: int) -> Generator[Need, Any, tuple[gate.GateStatement, ...]]:
    """What the gate makes of a text, wherever there is time to look at it. Raises gate.Refused."""
    if len(text) < LONG_TEXT or len(text) > max_bytes:  # size is refused on the spot
        return gate.inspect(text, max_bytes=max_bytes)
    found: Inspected = yield reading(ask, InspectText(text, max_bytes))
    return found.result()


def read(ask: Ask, kind: str, analysis: Analysis, max_tree_bytes: int) -> Generator[Need, Any, StatementFacts]:
    """Facts of one statement from its trees, wherever there is time to read them."""
    task = ReadTrees(kind, analysis.trees, analysis.catalog, max_tree_bytes)
    facts: StatementFacts = (yield reading(ask, task)) if large(analysis.trees) else task.perform()
    if ask.search_path is not None:
        facts = replace(facts, depends=rests_on(facts.depends, ask.search_path))
    return facts


def tree(ask: Ask, text: str, relations: Names) -> NeedTree:
    """The need of one statement's tree."""
    return NeedTree(
        ask.datasource,
        ask.profile,
        text,
        ask.parameter_types,
        ask.principal.id,
        relations,
        _patient(ask),
        ask.search_path,
    )


def reading(ask: Ask, task: Task) -> NeedReading:
    """The need of a task done where it holds up nobody."""
    return NeedReading(task, ask.principal.id, _patient(ask))


def _short(ask: Ask) -> bool:
    return len(ask.sql) < LONG_TEXT


def _patient(ask: Ask) -> bool:
    """A connection of one's own may wait; a document door's threads and calls are there for everybody."""
    return ask.door is Door.POSTGRES


def _placed(complaint: Complaint, before: int | None) -> Complaint:
    """The complaint with its position counted in the whole text, of which the server saw a part."""
    if before is None:  # the text was made in the place of a COPY: a position in it means nothing to the person
        return replace(complaint, fields=tuple(one for one in complaint.fields if one[0] != "P"))
    fields = tuple(
        (code, str(int(text) + before) if code == "P" and text.isdigit() else text) for code, text in complaint.fields
    )
    return replace(complaint, fields=fields)
