# METADATA
# title: Transfers to other countries
# description: |
#   What the laws about transfers share: to whom data goes, and whether a country, an agreement or a consent carries it.
#   Which countries, agreements and consents a law accepts is data of its regime.
package sekisho.transfers

import data.sekisho.facts
import data.sekisho.lib

# METADATA
# title: Recipients
# description: |
#   Every other legal person of the employer chain with its country, and where a person of another legal person sits and
#   lives: reading from a country is giving to it. The controller's own people are no recipients, wherever they are.
# scope: document
recipients contains {
	"country": link.country,
	"entity": link.entity,
	"name": link.name,
	"designations": link.designations,
	"fact": sprintf("employer.chain[%d].country", [i]),
	"what": sprintf("%s (hop %d of the employer chain, %s)", [link.name, link.hop, link.country]),
} if {
	some i in facts.other_parties
	link := input.employer.chain[i]
}

recipients contains {
	"country": place.country,
	"entity": input.employer.entity,
	"name": input.employer.name,
	"designations": [],
	"fact": place.fact,
	"what": sprintf("staff of %s in %s", [input.employer.name, place.country]),
} if {
	input.employer.same_legal_entity == false
	is_string(input.employer.entity)
	some place in _places
}

_places contains {"country": country, "fact": sprintf("location.countries[%d]", [i])} if {
	some i, country in input.location.countries
	country != input.employer.country
}

_places contains {"country": input.principal.residence, "fact": "principal.residence"} if {
	is_string(input.principal.residence)
	input.principal.residence != input.employer.country
}

# METADATA
# title: Recipients outside of a territory
# description: Of a list of countries.
outside(home) := {recipient | some recipient in recipients; not recipient.country in home}

# METADATA
# title: Whether data leaves a territory here
# description: The controller is there, or the data lies there; a controller of no known country may be anywhere.
leaves(home) if input.datasource.controller.country in home

leaves(_) if is_null(input.datasource.controller.country)

leaves(home) if {
	some country in input.data.storage_countries
	country in home
}

leaves(home) if {
	some country in input.datasource.storage_countries
	country in home
}

# METADATA
# title: Whether a law is about this statement
# description: Some of the people are of one of the pack's subject countries (data.sekisho.packs).
concerned(pack) if {
	input.data.about_people == true
	some country in input.data.subject_countries
	country in data.sekisho.packs.law[pack].subject_countries
}

# METADATA
# title: Whether a country is adequate for a recipient
# description: |
#   By the pack's dated list, unless the registry takes the country from it; or by what the registry adds. An entry with a
#   scheme needs a certification of the recipient under it.
adequate(regime, list, recipient) if {
	not taken(regime, recipient)
	some entry in list
	entry.country == recipient.country
	entry.from <= input.date
	_lasts(entry)
	_certified(entry, recipient)
	_within(object.get(entry, "excluded_data_types", []))
	_reaches(object.get(entry, "excluded_designations", []), recipient)
}

adequate(regime, _, recipient) if {
	not taken(regime, recipient)
	some entry in input.adequacy
	entry.regime == regime
	entry.accepted == true
	entry.country == recipient.country
	_within(entry.excluded_data_types)
}

# METADATA
# title: Whether the registry takes a country from a regime's list
# description: An entry of the registry that does not accept it, whatever else is said.
taken(regime, recipient) if {
	some entry in input.adequacy
	entry.regime == regime
	entry.accepted == false
	entry.country == recipient.country
}

_lasts(entry) if is_null(object.get(entry, "to", null))

_lasts(entry) if {
	is_string(entry.to)
	entry.to > input.date
}

_certified(entry, _) if is_null(object.get(entry, "scheme", null))

_certified(entry, recipient) if {
	is_string(entry.scheme)
	some agreement in input.agreements
	agreement.entity == recipient.entity
	agreement.kind == "certification"
	agreement.scheme == entry.scheme
	_covers(agreement)
}

_within(excluded) if {
	every data_type in facts.told_types {
		not lib.covered(excluded, data_type)
	}
}

_reaches(excluded, recipient) if {
	every designation in recipient.designations {
		not designation in excluded
	}
}

# METADATA
# title: Whether an agreement carries a transfer
# description: |
#   One with the recipient, of an accepted kind (`kinds`, each with the scheme it needs or null), about every type
#   touched, that the law of the country does not make void; `tia_days`: whose transfer impact assessment is no older
#   and found it effective; `check_days`: last checked no longer ago. Null: not asked for.
safeguarded(terms, recipient) if {
	some agreement in input.agreements
	agreement.entity == recipient.entity
	agreement.kind in object.keys(terms.kinds)
	_scheme(terms.kinds[agreement.kind], agreement)
	agreement.foreign_law_risk in {"none", "noted"}
	_covers(agreement)
	_assessed(terms.tia_days, agreement)
	_checked(terms.check_days, agreement)
}

_scheme(needed, _) if is_null(needed)

_scheme(needed, agreement) if {
	is_string(needed)
	agreement.scheme == needed
}

_assessed(days, _) if is_null(days)

_assessed(days, agreement) if {
	is_number(days)
	is_number(agreement.tia_age_days)
	agreement.tia_age_days <= days
	agreement.tia_outcome == "effective"
}

_checked(days, _) if is_null(days)

_checked(days, agreement) if {
	is_number(days)
	is_number(agreement.last_check_age_days)
	agreement.last_check_age_days <= days
}

_covers(agreement) if {
	every data_type in facts.told_types {
		lib.agreed(agreement, data_type)
	}
}

# METADATA
# title: Whether people were told of a recipient
# description: A notice in force names its country, for every type touched.
named(recipient) if count(lib.undisclosed(input.disclosures, recipient.country, recipient.entity, facts.told_types)) == 0

# METADATA
# title: Whether the people of these countries agreed
# description: |
#   All of them that the statement is about, in force, without withdrawal, for all rows; `separate`: asked for by itself;
#   `informed`: told all of these besides.
agreed(countries, terms) if {
	concerned_countries := {country | some country in input.data.subject_countries; country in countries}
	count(concerned_countries) > 0
	every country in concerned_countries {
		_agreed(country, terms)
	}
}

_agreed(country, terms) if {
	some consent in input.consents
	consent.subject_country == country
	consent.status == "given"
	is_null(consent.row_filter)
	_separate(terms.separate, consent)
	every said in terms.informed {
		said in consent.informed
	}
	not country in _refusing
}

_separate(needed, _) if needed == false

_separate(needed, consent) if {
	needed == true
	consent.separate == true
}

# A consent that was withdrawn or ran out stands against every other one of the same people.
_refusing contains consent.subject_country if {
	some consent in input.consents
	consent.status != "given"
}

# METADATA
# title: Whether the contract with a recipient claims an exemption
# description: One of these, in the registry's contract by which the recipient is tied to the chain.
exempt(exemptions, recipient) if {
	some link in input.employer.chain
	link.entity == recipient.entity
	some contract in input.employer.contracts
	contract.id == link.contract
	some exemption in contract.exemptions
	exemption in exemptions
}
