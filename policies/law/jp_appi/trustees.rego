# Third parties in Japan, and supervision of whoever works on the controller's behalf.
package law.jp_appi

import data.sekisho.facts
import data.sekisho.lib

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

_unlawful_in_japan contains i if {
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

_unsupervised_links contains i if {
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
