"""consents.yaml: what the users of each country said to a version of a notice, as of any day.

    consents:
      - notice: privacy-notice-2022-04     # of disclosures.yaml
        subject_country: JP
        from: 2022-04-01                   # asked and given
        withdrawn: 2026-11-20              # from that day; or
        expires: 2027-04-01                # from that day: what was not renewed counts no more
        separate: false                    # asked for on its own, not among other terms
        informed: [country_regime, measures]   # what they were told before they were asked, besides the notice
      - notice: privacy-notice-2022-04
        subject_country: TH
        separate: true
        informed: [inadequate]
        row_level:                         # given person by person; only rows of those who gave it count
          datasource: messenger
          table: public.consents           # of the catalog: where it lies, by
          key: user_id                     # the column that names a person as the tables' subject_key does
          notice_column: notice            # holds the id of the notice
          country_column: country          # holds the person's country
          given_column: given              # true where it was given
          withdrawn_column: withdrawn_at   # NULL where it was not withdrawn
          expires_column: expires_at       # NULL where it does not end

A row-level consent becomes a row filter at every table of the datasource that is about people of the country and has a
``subject_key`` of persons; a rule names it in an obligation. At a table whose column says each row's country, rows of
the other countries declared for it are left alone; a country that was not declared is not among them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from gateway.facts.catalog import Source, Table
from gateway.facts.fields import Problems, Section
from gateway.facts.notices import Notice
from gateway.facts.one_at_a_time import OneAtATime
from gateway.facts.period import Period
from gateway.model import Consent, Country, DatasourceId, EntityId, RowConsent, Unit

FILE: Final = "consents.yaml"
# What people are told before they are asked. A closed set: laws ask for some of them by name.
INFORMED: Final = (
    "candidates",  # which countries it may be, where the country cannot be named
    "consequences",
    "country_regime",  # the country's rules on personal data, duties towards its authorities included
    "country_unknown_reason",
    "exercise_of_rights",
    "inadequate",  # that the country's protection is not adequate
    "measures",  # what the recipient does to protect the data
    "method",
    "purpose",
    "recipient",
    "retention",
    "right_to_refuse",
    "risks",
    "third_country",  # that data may go abroad, wherever
    "types",
)
_EQUAL: Final = ("notice_column", "country_column")
_OTHERS: Final = ("given_column", "withdrawn_column", "expires_column")


@dataclass(frozen=True, slots=True)
class RowLevel:
    """Where consent lies person by person."""

    datasource: DatasourceId
    table: str
    key: str
    columns: Mapping[str, str]  # by what they hold
    line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What the users of one country said to one notice."""

    notice: str
    subject_country: Country
    period: Period
    withdrawn: int | None
    expires: int | None
    separate: bool
    informed: tuple[str, ...]
    rows: RowLevel | None
    line: int

    @property
    def row_filter(self) -> str | None:
        """The name of its row filter."""
        return None if self.rows is None else f"consent-{self.notice}-{self.subject_country}"

    def edges(self) -> Iterator[int]:
        """Days on which a fact about the consent changes."""
        yield from self.period.edges()
        yield from (day for day in (self.withdrawn, self.expires) if day is not None)

    def status_on(self, day: int) -> str:
        """``given``, ``given_by_some`` (person by person), ``withdrawn`` or ``expired``."""
        if self.withdrawn is not None and self.withdrawn <= day:
            return "withdrawn"
        if self.expires is not None and self.expires <= day:
            return "expired"
        return "given" if self.rows is None else "given_by_some"


def read_consents(root: Section) -> tuple[Said, ...]:
    """All consents of the file."""
    found: OneAtATime[Said] = OneAtATime()
    for section in root.sections("consents", required=True):
        one = _said(section)
        says = f"what {one.subject_country} said to the notice at that time"
        of = f"{one.subject_country} and the notice"
        found.add(section, (one.notice, one.subject_country), one, says=says, of=of)
    root.done()
    return tuple(sorted(found, key=lambda one: (one.notice, one.subject_country, one.period.start or 0)))


def _said(section: Section) -> Said:
    said = Said(
        notice=section.identifier("notice"),
        subject_country=section.country("subject_country", required=True) or Country(""),
        period=section.period(),
        withdrawn=section.day("withdrawn"),
        expires=section.day("expires"),
        separate=section.flag("separate"),
        informed=_informed(section),
        rows=_rows(section.section("row_level")),
        line=section.line,
    )
    for name, day in (("withdrawn", said.withdrawn), ("expires", said.expires)):
        if day is not None and said.period.start is not None and day < said.period.start:
            section.problem(f"'{name}' lies before 'from'", name)
    section.done()
    return said


def _informed(section: Section) -> tuple[str, ...]:
    found = section.texts("informed")
    for word in found:
        if word not in INFORMED:
            section.problem(f"'{word}' in 'informed' must be one of: {', '.join(INFORMED)}", "informed")
    return tuple(sorted(found))


def _rows(section: Section | None) -> RowLevel | None:
    if section is None:
        return None
    rows = RowLevel(
        datasource=DatasourceId(section.identifier("datasource")),
        table=section.text("table"),
        key=section.text("key"),
        columns={name: found for name in (*_EQUAL, *_OTHERS) if (found := section.optional_text(name)) is not None},
        line=section.line,
    )
    section.done()
    return rows


def check_consents(
    problems: Problems, said: Iterable[Said], notices: Iterable[Notice], sources: Mapping[DatasourceId, Source]
) -> None:
    """Notices and places named are there."""
    known = {notice.id: notice for notice in notices}
    for one in said:
        notice = known.get(one.notice)
        if notice is None:
            problems.add(FILE, one.line, f"'{one.notice}' is not a notice of disclosures.yaml")
        elif notice.kind != "notice":
            problems.add(FILE, one.line, f"'{one.notice}' is an announcement: nobody consents to one")
        elif not one.period.meets(notice.period):
            problems.add(FILE, one.line, f"'{one.notice}' is in force at no time of the consent")
        if one.rows is not None:
            for problem in _place_problems(one.rows, sources.get(one.rows.datasource), notice):
                problems.add(FILE, one.rows.line, problem)


def _place_problems(rows: RowLevel, source: Source | None, notice: Notice | None) -> Iterator[str]:
    if source is None:
        yield f"'{rows.datasource}' is not a datasource of catalog.yaml"
        return
    if notice is not None and notice.controller != source.controller:
        yield f"the notice is another controller's than datasource '{rows.datasource}'"
    table = source.tables.get(rows.table)
    if table is None or not table.about_people:
        yield f"'{rows.table}' is not a table about people of datasource '{rows.datasource}'"
        return
    for column in sorted({rows.key, *rows.columns.values()} - table.columns.keys()):
        yield f"'{column}' is not a column of '{rows.table}' in catalog.yaml"


def consents_on(said: Iterable[Said], notices: Iterable[Notice], controller: EntityId, day: int) -> tuple[Consent, ...]:
    """What the controller's users said to the notices in force."""
    in_force = {one.id for one in notices if one.controller == controller and one.period.covers(day)}
    return tuple(
        Consent(
            notice=one.notice,
            subject_country=one.subject_country,
            status=one.status_on(day),
            separate=one.separate,
            informed=one.informed,
            row_filter=one.row_filter,
        )
        for one in said
        if one.notice in in_force and one.period.covers(day)
    )


def row_consents(said: Iterable[Said], source: Source) -> Mapping[str, tuple[RowConsent, ...]]:
    """The row filters that consents make at a datasource's tables, by table."""
    found: dict[str, dict[str, RowConsent]] = {}
    for one in said:
        if one.rows is None or one.row_filter is None or one.rows.datasource != source.id:
            continue
        for name, table in source.tables.items():
            if table.subject_key is not None and _concerned(one, one.rows, name, table):
                made = _row_consent(one, one.rows, one.row_filter, name, table, table.subject_key)
                found.setdefault(name, {})[made.name] = made
    return {name: tuple(filters.values()) for name, filters in found.items()}


def _concerned(said: Said, rows: RowLevel, name: str, table: Table) -> bool:
    """Whether rows of the table may be of the people asked. A key of devices names nobody who consents."""
    of_country = said.subject_country in table.subject_countries or not table.subject_countries
    return table.about_people and table.unit is Unit.PERSON and of_country and name != rows.table


def _row_consent(said: Said, rows: RowLevel, name: str, relation: str, table: Table, key: str) -> RowConsent:
    words = {"notice_column": said.notice, "country_column": str(said.subject_country)}
    return RowConsent(
        name=name,
        relation=relation,
        key=key,
        table=rows.table,
        table_key=rows.key,
        country=said.subject_country,
        equal=tuple((rows.columns[column], words[column]) for column in _EQUAL if column in rows.columns),
        given=rows.columns.get("given_column"),
        withdrawn=rows.columns.get("withdrawn_column"),
        expires=rows.columns.get("expires_column"),
        country_column=table.subject_column,
        elsewhere=tuple(one for one in table.subject_countries if one != said.subject_country),
    )
