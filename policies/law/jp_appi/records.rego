# What is kept of a provision, and what people can learn of it.
package law.jp_appi

import data.sekisho.lib

# METADATA
# title: A provision that rests on consent is recorded with whose data it was
# description: |
#   Needs data.relations with subject_key, where the provision to a party abroad rests on consent. The record of the
#   decision says that consent was obtained (`consents`, `disclosures`), who received (`employer`), and what (`data`,
#   `statement`); the subject key tells whose it was. Three years. Counted only: another system may keep the record.
# scope: rule
# custom:
#   id: jp-appi-29
#   layer: law
#   citation: "APPI Art. 29"
#   effective_from: 2022-04-01
#   mode: shadow
#   cases: [L15, A02]
passed contains "jp-appi-29" if _recorded

_recorded if _not_japanese

_recorded if {
	is_array(input.employer.chain)
	not _on_consent
}

_recorded if _told_apart

_on_consent if {
	_japanese
	some i in _abroad
	link := input.employer.chain[i]
	not _without_consent(link)
	count(_kept_systems(link)) == 0
	_by_consent(link)
}

_by_consent(link) if _consented_to(link, _given)

_by_consent(link) if count(_row_filters(link)) > 0

_told_apart if {
	count(_rows_of_people) > 0
	count(_keyless) == 0
	count(_undescribed) == 0
}

_keyless contains relation.relation if {
	some relation in _rows_of_people
	not is_string(relation.subject_key)
}

findings contains lib.finding("jp-appi-29", {
	"message": sprintf("provision rests on consent, and the record will not tell whose data it was: %s", [
		lib.list(_keyless | _undescribed),
	]),
	"fact": "data.relations",
	"value": sort(_keyless | _undescribed),
	"remedy": "name the tables' subject_key in the registry's catalog",
}) if {
	_on_consent
	not _told_apart
}

# METADATA
# title: Countries abroad are made available to people
# description: |
#   Needs disclosures, employer.chain, principal.residence and stay, data.storage_countries. People can learn the name of
#   each country where a contractor or sub-contractor works on their data, where somebody of the controller lives who
#   does, and where it is stored.
# scope: rule
# custom:
#   id: jp-appi-32
#   layer: law
#   citation: "APPI Art. 32(1); General Guideline 10-7; PPC Q&A 10-24"
#   effective_from: 2022-04-01
#   mode: enforce
#   cases: [L01, L07]
passed contains "jp-appi-32" if _made_available

_made_available if _not_japanese

_made_available if {
	is_array(input.disclosures)
	count(_unnamed) == 0
}

# Country, fact, and what it is.
_unnamed contains [country, fact, what] if {
	some [country, fact, what] in _places_abroad
	not country in {disclosure.country | some disclosure in input.disclosures}
}

_places_abroad contains [link.country, sprintf("employer.chain[%d].country", [i]), what] if {
	some i in _abroad
	link := input.employer.chain[i]
	what := sprintf("where %s (hop %d of the employer chain) works on their data", [link.name, link.hop])
}

_places_abroad contains [input.principal.residence, "principal.residence", "where somebody lives who reads their data"] if {
	is_string(input.principal.residence)
	input.principal.residence != "JP"
	input.principal.stay != "trip"
}

_places_abroad contains [country, sprintf("data.storage_countries[%d]", [i]), "where their data is stored"] if {
	some i, country in input.data.storage_countries
	country != "JP"
}

findings contains lib.finding("jp-appi-32", {
	"message": sprintf("people cannot learn that it is %s %s: no notice in force names it", [lib.known(country), what]),
	"fact": fact,
	"value": country,
	"remedy": sprintf("a notice in force that names %s", [lib.known(country)]),
}) if {
	_japanese
	some [country, fact, what] in _unnamed
}
