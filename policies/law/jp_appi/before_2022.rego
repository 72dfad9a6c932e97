# The law as it was until 2022-03-31: what was asked on a day in 2020 is answered by the law of that day.
package law.jp_appi

import data.regimes.jp
import data.sekisho.facts
import data.sekisho.lib

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

_unlawful_before_2022 contains i if {
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

_without_supervision contains i if {
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
