# METADATA
# title: Act on the Protection of Personal Information (Japan)
# description: |
#   Provision to third parties, abroad (Art. 28, until 2022-03-31 Art. 24) and in Japan (Art. 27), supervision of trustees
#   (Art. 25), records (Art. 29) and what is made available to people (Art. 32). Reading is provision (PPC Q&A 12-4,
#   10-24).
package law.jp_appi

import data.regimes.jp
import data.sekisho.facts
import data.sekisho.lib

# One file: the library's interpreter, which judges what is too large for the compiled engine, loses rules of a package
# that is spread over several.

# -- who is a third party, and what provision to one may rest on

_japanese if {
	input.data.about_people == true
	_people_in_japan
}

_people_in_japan if "JP" in input.data.subject_countries

_not_japanese if input.data.about_people == false

_not_japanese if {
	count(input.data.subject_countries) > 0
	not _people_in_japan
}

# Entities of the employer chain that are not the controller's own legal person (P0). One whose country nobody recorded
# counts as abroad.
_parties := {i |
	some i, link in input.employer.chain
	link.hop >= 1
	not _own(link)
}

_own(link) if {
	input.employer.same_legal_entity == true
	link.entity == input.employer.entity
}

_abroad := {i |
	some i in _parties
	link := input.employer.chain[i]
	link.country != "JP"
	not "jp_business_operator" in link.designations
}

# A third party that nobody knows may be one abroad.
_party_known if {
	input.employer.known == true
	count(input.employer.chain) > 0
}

# P0b: a provider that stores the data and does not handle it is provided nothing. Reading it would be handling it.
_not_handling(link) if {
	count(facts.data_types) == 0
	some agreement in input.agreements
	agreement.kind == "no_handling"
	agreement.entity == link.entity
	agreement.access_control == true
}

# P1: designated countries; the registry may add one, strike one off, or leave data types out.
_designated(link) if {
	link.country in jp.designated_countries
	not link.country in _excepted
}

_designated(link) if {
	some entry in input.adequacy
	entry.regime == "jp"
	entry.accepted == true
	entry.country == link.country
	not link.country in _excepted
}

_excepted := _struck_off | _lacking_types

_struck_off := {entry.country |
	some entry in input.adequacy
	entry.regime == "jp"
	entry.accepted == false
}

_lacking_types := {entry.country |
	some entry in input.adequacy
	entry.regime == "jp"
	some key in entry.excluded_data_types
	some data_type in facts.told_types
	lib.same_branch(key, data_type)
}

# P2: systems equivalent to what the law asks of operators in Japan, for every data type touched.
_systems(link) := {i |
	some i, agreement in input.agreements
	agreement.entity == link.entity
	_system(agreement)
	count({data_type | some data_type in facts.told_types; not lib.agreed(agreement, data_type)}) == 0
}

_system(agreement) if agreement.kind in jp.equivalent_system.kinds

_system(agreement) if {
	agreement.kind == "certification"
	agreement.scheme in jp.equivalent_system.schemes
}

# P3: consent of people in Japan to a notice, once they were told what the law asks for.
_consented_to(link, consents) if {
	notices := {consent.notice | some consent in consents}
	told := [disclosure | some disclosure in lib.consented(input.disclosures); disclosure.notice in notices]
	count(lib.undisclosed(told, link.country, link.entity, facts.told_types)) == 0
}

_given := [consent |
	some consent in _japanese_consents
	consent.status == "given"
	_informed(consent)
]

_given_by_some := [consent |
	some consent in _japanese_consents
	consent.status == "given_by_some"
	_informed(consent)
]

_japanese_consents := [consent | some consent in input.consents; consent.subject_country == "JP"]

_informed(consent) if count({word | some word in jp.consent.informed; not word in consent.informed}) == 0

# P3b: the country could not be named when they were asked; it is among the candidates they were told of.
_informed(consent) if {
	count({word | some word in jp.consent.informed_of_unknown_country; not word in consent.informed}) == 0
}

# Consent person by person holds for the rows that its filter leaves, at every relation with rows of people in Japan.
_row_filters(link) := {consent.row_filter |
	some consent in _given_by_some
	_fits_everywhere(consent.row_filter)
	_consented_to(link, [consent])
}

_fits_everywhere(name) if {
	count(_rows_of_people) > 0
	count(_undescribed) == 0
	count({relation.relation | some relation in _rows_of_people; not name in relation.row_filters}) == 0
}

_rows_of_people := {relation |
	some relation in input.data.relations
	relation.about_people == true
	_may_be_japanese(relation)
}

_may_be_japanese(relation) if "JP" in relation.subject_countries

_may_be_japanese(relation) if relation.subject_known == false

_undescribed := {name |
	some name in input.statement.relations
	not name in {relation.relation | some relation in input.data.relations}
}

# P4: the cases of Art. 27(1), which a contract of the party claims.
_excepted_by_law(link) if {
	some contract in input.employer.contracts
	contract.id == link.contract
	some exemption in contract.exemptions
	exemption in jp.art_27_1
}

# What does not need anybody's consent, but for systems, which Art. 28(3) has more to say about.
_without_consent(link) if _not_handling(link)

_without_consent(link) if _designated(link)

_without_consent(link) if _excepted_by_law(link)

# -- provision abroad

# METADATA
# title: Provision to a third party in a foreign country
# description: |
#   Needs: whose data (data.subject_countries), every entity between person and controller with its country
#   (employer.chain), notices in force (disclosures), what people in Japan said to them (consents), agreements, adequacy.
#   Nothing is provided to the same legal person, to a company abroad that handles the data as a business operator in
#   Japan, or to a provider that does not handle it. Lawful for each other party abroad are: a designated country; an
#   equivalent system; a case of Art. 27(1); consent to every data type after the country was named, and its rules and
#   the recipient's measures were told. Consent that is recorded person by person holds for those people's rows only.
# scope: rule
# custom:
#   id: jp-appi-28
#   layer: law
#   citation: "APPI Art. 28(1)-(2); Enforcement Rule 17(2); PPC Q&A 10-24"
#   effective_from: 2022-04-01
#   mode: enforce
#   cases: [L01, L07, L09, L12, L15, L19, L28, A01, A02, A04, A06, A08]
passed contains "jp-appi-28" if _lawful

_lawful if _not_japanese

_lawful if {
	_party_known
	count(_unlawful) == 0
}

_unlawful := {i |
	some i in _abroad
	link := input.employer.chain[i]
	not _path(link)
}

_path(link) if _without_consent(link)

_path(link) if count(_systems(link)) > 0

_path(link) if _consented_to(link, _given)

_path(link) if count(_row_filters(link)) > 0

# METADATA
# title: Findings
# description: What this pack has to say, one entry for each fact that failed.
# scope: document
findings contains lib.finding("jp-appi-28", {
	"message": sprintf(
		"%s (hop %d of the employer chain, %s) is a third party in a foreign country that users %s",
		[link.name, link.hop, lib.known(link.country), _why(link)],
	),
	"fact": sprintf("employer.chain[%d].country", [i]),
	"value": link.country,
	"remedy": sprintf(
		"consent to a notice that names %s, or an equivalent-system agreement with %s checked within %d days",
		[lib.known(link.country), link.name, jp.equivalent_system.max_check_age_days],
	),
}) if {
	_japanese
	some i in _unlawful
	link := input.employer.chain[i]
	not _named_with_consent(link)
}

findings contains lib.finding("jp-appi-28", {
	"message": sprintf(
		"%s (hop %d of the employer chain, %s) is a third party in a foreign country, and %s",
		[link.name, link.hop, lib.known(link.country), said],
	),
	"fact": fact,
	"value": value,
	"remedy": "consent of people in Japan to the notice in force, after they were told what Enforcement Rule 17 asks for",
}) if {
	_japanese
	some i in _unlawful
	link := input.employer.chain[i]
	_named_with_consent(link)
	some [said, fact, value] in _lacking
}

findings contains lib.finding("jp-appi-28", {
	"message": "who employs this person is not known: nobody can say whether it is a third party in a foreign country",
	"fact": "employer.known",
	"value": input.employer.known,
	"remedy": "an entry in the registry of people, by whoever answers for this person",
}) if {
	_japanese
	not _party_known
}

# The notice names the country, for consent, and every data type.
_named_with_consent(link) if {
	count(lib.undisclosed(lib.consented(input.disclosures), link.country, link.entity, facts.told_types)) == 0
}

_named(link) if {
	some disclosure in input.disclosures
	disclosure.country == link.country
}

_why(link) := sprintf("were not told of: %s is not named in the notice in force", [lib.known(link.country)]) if {
	not _named(link)
} else := sprintf("did not consent to for %s: %s is named in the notice in force, but not for this", [
	lib.list(lib.undisclosed(lib.consented(input.disclosures), link.country, link.entity, facts.told_types)),
	link.country,
])

# What consents lack, where the notices do not.
_lacking contains [sprintf("consent to %s is %s", [consent.notice, consent.status]), fact, consent.status] if {
	some i, consent in input.consents
	consent.subject_country == "JP"
	consent.status in {"withdrawn", "expired"}
	fact := sprintf("consents[%d].status", [i])
}

_lacking contains [said, sprintf("consents[%d].informed", [i]), consent.informed] if {
	some i, consent in input.consents
	consent.subject_country == "JP"
	consent.status in {"given", "given_by_some"}
	not _informed(consent)
	missing := {word | some word in jp.consent.informed; not word in consent.informed}
	said := sprintf("people were not told of %s before they consented to %s", [lib.list(missing), consent.notice])
}

_lacking contains [said, sprintf("consents[%d].row_filter", [i]), consent.row_filter] if {
	some i, consent in input.consents
	consent.subject_country == "JP"
	consent.status == "given_by_some"
	_informed(consent)
	said := sprintf("consent to %s is recorded person by person, and no row filter fits all that is read", [consent.notice])
}

_lacking contains ["nobody recorded that people in Japan consented", "consents", []] if count(_japanese_consents) == 0

_lacking contains ["people in Japan did not consent to the notice that names it", "consents", notices] if {
	count(_given) > 0
	notices := sort({consent.notice | some consent in _given})
}

# METADATA
# title: Obligations
# description: Row filters, where only some people consented.
# scope: document
obligations contains {
	"rule": "jp-appi-28",
	"kind": "row_filter",
	"relation": relation.relation,
	"predicate": name,
} if {
	_japanese
	some name in _filters_owed
	some relation in _rows_of_people
}

_filters_owed contains min(_row_filters(link)) if {
	some i in _abroad
	link := input.employer.chain[i]
	not _without_consent(link)
	not _consented_to(link, _given)
	count(_kept_systems(link)) == 0
	count(_row_filters(link)) > 0
}

# METADATA
# title: Equivalent systems are looked after
# description: |
#   Needs agreements with the age of their last check and the risk of the other side's law. Where nothing but an
#   equivalent system allows the provision, somebody checked it within a year, and foreign law does not make it void:
#   where that cannot be secured, provision stops.
# scope: rule
# custom:
#   id: jp-appi-28-3
#   layer: law
#   citation: "APPI Art. 28(3); Enforcement Rule 18(1)"
#   effective_from: 2022-04-01
#   mode: enforce
#   cases: [L03, L04, L36, A08]
passed contains "jp-appi-28-3" if _looked_after

_looked_after if _not_japanese

# Who is not known at all is for jp-appi-28 to say.
_looked_after if input.employer.known == false

_looked_after if {
	is_array(input.employer.chain)
	count(_unchecked) == 0
}

# Position in the chain, and of the agreement.
_unchecked := {[i, j] |
	_japanese
	some i in _abroad
	link := input.employer.chain[i]
	not _without_consent(link)
	not _consented_to(link, _given)
	count(_row_filters(link)) == 0
	count(_kept_systems(link)) == 0
	some j in _systems(link)
}

_kept_systems(link) := {i |
	some i in _systems(link)
	agreement := input.agreements[i]
	_checked(agreement)
	_secured(agreement)
}

_checked(agreement) if {
	is_number(agreement.last_check_age_days)
	agreement.last_check_age_days >= 0
	agreement.last_check_age_days <= jp.equivalent_system.max_check_age_days
}

_secured(agreement) if agreement.foreign_law_risk in jp.equivalent_system.accepted_foreign_law_risks

findings contains lib.finding("jp-appi-28-3", {
	"message": sprintf("the equivalent system of %s (%s, hop %d of the employer chain) was %s", [
		link.name,
		agreement.id,
		link.hop,
		_last_check(agreement),
	]),
	"fact": sprintf("agreements[%d].last_check_age_days", [j]),
	"value": agreement.last_check_age_days,
	"remedy": sprintf("a check of %s, once in %d days", [link.name, jp.equivalent_system.max_check_age_days]),
}) if {
	some [i, j] in _unchecked
	link := input.employer.chain[i]
	agreement := input.agreements[j]
	not _checked(agreement)
}

_last_check(agreement) := sprintf("last checked %d days ago", [agreement.last_check_age_days]) if {
	is_number(agreement.last_check_age_days)
} else := "never checked"

findings contains lib.finding("jp-appi-28-3", {
	"message": sprintf("the law of %s makes the equivalent system of %s (%s) void: what cannot be secured is not provided", [
		lib.known(link.country),
		link.name,
		agreement.id,
	]),
	"fact": sprintf("agreements[%d].foreign_law_risk", [j]),
	"value": agreement.foreign_law_risk,
	"remedy": "none while that law stands: provision stops",
}) if {
	some [i, j] in _unchecked
	link := input.employer.chain[i]
	agreement := input.agreements[j]
	not _secured(agreement)
}

# -- the law as it was until 2022-03-31: what was asked on a day in 2020 is answered by the law of that day

# METADATA
# title: Provision to a third party in a foreign country, until March 2022
# description: |
#   Needs the same as jp-appi-28. Consent did not need to name the country, and an equivalent system was not yet to be
#   checked again: the PPC found no breach of this article in 2021.
# scope: rule
# custom:
#   id: jp-appi-24
#   layer: law
#   citation: "APPI Art. 24 (until 2022-03-31)"
#   effective_from: 2017-05-30
#   effective_to: 2022-04-01
#   mode: enforce
#   cases: [L02]
passed contains "jp-appi-24" if _lawful_before_2022

_lawful_before_2022 if _not_japanese

_lawful_before_2022 if {
	_party_known
	count(_unlawful_before_2022) == 0
}

_unlawful_before_2022 := {i |
	some i in _abroad
	link := input.employer.chain[i]
	not _path_before_2022(link)
}

_path_before_2022(link) if _without_consent(link)

_path_before_2022(link) if count(_systems(link)) > 0

_path_before_2022(link) if {
	_consented_to(link, [consent | some consent in _japanese_consents; consent.status == "given"])
}

_path_before_2022(_) if {
	some consent in _japanese_consents
	consent.status == "given"
	jp.consent.informed_before_2022 in consent.informed
}

findings contains lib.finding("jp-appi-24", {
	"message": sprintf(
		"%s (hop %d of the employer chain, %s) is a third party in a foreign country, and people did not consent to that",
		[link.name, link.hop, lib.known(link.country)],
	),
	"fact": sprintf("employer.chain[%d].country", [i]),
	"value": link.country,
	"remedy": sprintf("consent to provision abroad, or an equivalent-system agreement with %s", [link.name]),
}) if {
	_japanese
	some i in _unlawful_before_2022
	link := input.employer.chain[i]
}

findings contains lib.finding("jp-appi-24", {
	"message": "who employs this person is not known: nobody can say whether it is a third party in a foreign country",
	"fact": "employer.known",
	"value": input.employer.known,
	"remedy": "an entry in the registry of people, by whoever answers for this person",
}) if {
	_japanese
	not _party_known
}

# METADATA
# title: Supervision of trustees, until March 2022
# description: |
#   Needs employer.chain and employer.contracts. Each party that works on the data does so under a contract that covers
#   it, whose sub-contractors are known, and that somebody audits. Guidance was given for a lack of it in 2021, not a
#   finding of breach: it is said and counted, and nothing is denied for it.
# scope: rule
# custom:
#   id: jp-appi-22
#   layer: law
#   citation: "APPI Art. 22 (until 2022-03-31); PPC guidance of 2021-04-23"
#   effective_from: 2017-05-30
#   effective_to: 2022-04-01
#   mode: shadow
#   cases: [L02]
passed contains "jp-appi-22" if _supervised_before_2022

_supervised_before_2022 if _not_japanese

_supervised_before_2022 if {
	is_array(input.employer.chain)
	count(_without_supervision) == 0
}

_without_supervision := {i |
	some i in _parties
	link := input.employer.chain[i]
	not _audited(link)
}

_audited(link) if {
	some contract in input.employer.contracts
	contract.id == link.contract
	contract.subcontractors in {"known", "none"}
	is_number(contract.last_audit_age_days)
	contract.last_audit_age_days <= jp.audit.max_age_days
	count({data_type | some data_type in facts.told_types; not lib.covered(contract.data_types, data_type)}) == 0
}

findings contains lib.finding("jp-appi-22", {
	"message": sprintf(
		"%s (hop %d of the employer chain) is not supervised: no contract that covers this and was audited within %d days",
		[link.name, link.hop, jp.audit.max_age_days],
	),
	"fact": sprintf("employer.chain[%d].contract", [i]),
	"value": link.contract,
	"remedy": "review need and scope of the access, keep and analyse logs, audit the contractor",
}) if {
	_japanese
	some i in _without_supervision
	link := input.employer.chain[i]
}

# -- third parties in Japan, and supervision of whoever works on the controller's behalf

# METADATA
# title: Provision to a third party in Japan
# description: |
#   Needs employer.chain and employer.contracts with data types, disclosures and consents. Entrustment within the scope of
#   a contract is not provision (Art. 27(5)(i)); what goes beyond it needs consent, or a case of Art. 27(1).
# scope: rule
# custom:
#   id: jp-appi-27
#   layer: law
#   citation: "APPI Art. 27(1), (5)(i)"
#   effective_from: 2022-04-01
#   mode: enforce
#   cases: [L09]
passed contains "jp-appi-27" if _lawful_in_japan

_lawful_in_japan if _not_japanese

_lawful_in_japan if {
	is_array(input.employer.chain)
	count(_unlawful_in_japan) == 0
}

_unlawful_in_japan := {i |
	some i in (_parties - _abroad)
	link := input.employer.chain[i]
	not _path_in_japan(link)
}

_path_in_japan(link) if _entrusted(link)

_path_in_japan(link) if _excepted_by_law(link)

_path_in_japan(link) if _consented_to(link, [c | some c in _japanese_consents; c.status == "given"])

_entrusted(link) if {
	some contract in input.employer.contracts
	contract.id == link.contract
	count({data_type | some data_type in facts.told_types; not lib.covered(contract.data_types, data_type)}) == 0
}

findings contains lib.finding("jp-appi-27", {
	"message": sprintf(
		"%s (hop %d of the employer chain) is a third party, and neither a contract nor consent covers %s",
		[link.name, link.hop, lib.list(facts.told_types)],
	),
	"fact": sprintf("employer.chain[%d].contract", [i]),
	"value": link.contract,
	"remedy": sprintf("a contract that entrusts %s with these data types, or people's consent", [link.name]),
}) if {
	_japanese
	some i in _unlawful_in_japan
	link := input.employer.chain[i]
}

# METADATA
# title: Supervision of trustees
# description: |
#   Needs employer.chain and employer.contracts. Whoever works under a contract, in Japan or abroad, is known to the end
#   of the chain: the contract is recorded, and so is whether there are sub-contractors.
# scope: rule
# custom:
#   id: jp-appi-25
#   layer: law
#   citation: "APPI Art. 25; PPC guidance of 2021-04-23, point 1"
#   effective_from: 2022-04-01
#   mode: enforce
#   cases: [L09, L10]
passed contains "jp-appi-25" if _trustees_supervised

_trustees_supervised if _not_japanese

_trustees_supervised if {
	is_array(input.employer.chain)
	count(_unsupervised_links) == 0
}

_unsupervised_links := {i |
	some i in _parties
	link := input.employer.chain[i]
	link.relation != "affiliate"
	not _supervised(link)
}

_supervised(link) if {
	some contract in input.employer.contracts
	contract.id == link.contract
	contract.subcontractors in {"known", "none"}
}

findings contains lib.finding("jp-appi-25", {
	"message": sprintf("%s (hop %d of the employer chain) cannot be supervised: %s", [link.name, link.hop, why]),
	"fact": sprintf("employer.chain[%d].contract", [i]),
	"value": link.contract,
	"remedy": "complete the contract's entry in the registry, sub-contractors included",
}) if {
	_japanese
	some i in _unsupervised_links
	link := input.employer.chain[i]
	why := _unsupervised_because(link)
}

_unsupervised_because(link) := "its contract is not recorded" if {
	not _contract_recorded(link)
} else := "whether it has sub-contractors is not known"

_contract_recorded(link) if {
	some contract in input.employer.contracts
	contract.id == link.contract
}

# -- what is kept of a provision, and what people can learn of it

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

_keyless := {relation.relation |
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
_unnamed := {[country, fact, what] |
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
