# METADATA
# title: The employer and its chain
# description: By whom the person is employed, and by which contracts and owners that entity reaches the controller.
package house.employer

import data.sekisho.facts
import data.sekisho.lib

# METADATA
# title: "The employer is not blocked"
# description: |
#   Needs employer.blocked and employer.blocked_by. A block stops every statement, whatever it touches.
# scope: rule
# custom:
#   id: house-kill-switch
#   layer: house
#   citation: "House policy: blocks in force"
#   effective_from: 1970-01-01
#   mode: enforce
#   cases: [L05]
passed contains "house-kill-switch" if {
	input.employer.blocked == false
	is_null(input.employer.blocked_by)
}

# METADATA
# title: Findings
# description: What this pack has to say, one entry for each fact that failed.
# scope: document
findings contains lib.finding("house-kill-switch", {
	"message": "access of this person or of an entity of the employer chain is blocked",
	"fact": "employer.blocked_by",
	"value": input.employer.blocked_by,
	"remedy": "whoever published the block can lift it",
}) if {
	not _unblocked
}

_unblocked if {
	input.employer.blocked == false
	is_null(input.employer.blocked_by)
}

# METADATA
# title: "The employer is known, with its whole chain"
# description: |
#   Needs employer.known and employer.complete. Where a contract does not say whether there are sub-contractors, the
#   chain is not complete.
# scope: rule
# custom:
#   id: house-employer-known
#   layer: house
#   citation: "House policy, after APPI Art. 25 and the PPC guidance of 2021-04-23, point 1"
#   effective_from: 1970-01-01
#   mode: enforce
#   cases: [L10, L25]
passed contains "house-employer-known" if _employer_known

_employer_known if input.data.about_people == false

_employer_known if {
	input.employer.known == true
	input.employer.complete == true
	is_string(input.employer.entity)
}

findings contains lib.finding("house-employer-known", {
	"message": sprintf("by whom this person is employed is not known, and unknown allows nothing about people%s", [_note]),
	"fact": "employer.known",
	"value": input.employer.known,
	"remedy": "an entry in the registry of people, by whoever answers for this person",
}) if {
	not _employer_known
	not input.employer.known == true
}

findings contains lib.finding("house-employer-known", {
	"message": sprintf("the employer chain of %s is not known to its end%s", [input.employer.name, _note]),
	"fact": "employer.complete",
	"value": input.employer.complete,
	"remedy": "complete the contract's entry in the registry, sub-contractors included",
}) if {
	not _employer_known
	input.employer.known == true
}

_note := sprintf(": %s", [input.employer.note]) if {
	input.employer.note != ""
} else := ""

# METADATA
# title: "Every entity of the chain has a country"
# description: |
#   Needs employer.chain from the controller (hop 0) to the employer without a gap, each entity and owner with its
#   country.
# scope: rule
# custom:
#   id: house-chain-visible
#   layer: house
#   citation: "House policy, after PPC Q&A 10-24"
#   effective_from: 1970-01-01
#   mode: enforce
#   cases: [L10]
passed contains "house-chain-visible" if _chain_visible

_chain_visible if input.data.about_people == false

# Who is not known at all is for house-employer-known to say.
_chain_visible if input.employer.known == false

_chain_visible if {
	input.employer.known == true
	count(input.employer.chain) > 0
	is_string(input.datasource.controller.country)
	input.employer.chain[0].entity == input.datasource.controller.entity
	input.employer.chain[count(input.employer.chain) - 1].entity == input.employer.entity
	input.employer.chain[count(input.employer.chain) - 1].country == input.employer.country
	input.employer.chain[0].country == input.datasource.controller.country
	every i, link in input.employer.chain {
		link.hop == i
		is_string(link.country)
	}
	every owner in input.employer.owners {
		is_string(owner.country)
	}
}

findings contains lib.finding("house-chain-visible", {
	"message": sprintf("%s (hop %d of the employer chain) has no country in the registry", [link.name, link.hop]),
	"fact": sprintf("employer.chain[%d].country", [i]),
	"value": null,
	"remedy": "complete the entity's entry in the registry",
}) if {
	not _chain_visible
	some i, link in input.employer.chain
	is_null(link.country)
}

findings contains lib.finding("house-chain-visible", {
	"message": "the employer chain does not lead from the controller to the employer without a gap",
	"fact": "employer.chain",
	"value": [link.entity | some link in input.employer.chain],
	"remedy": "complete the entities and contracts in the registry",
}) if {
	not _chain_visible
	every link in input.employer.chain {
		is_string(link.country)
	}
}

# METADATA
# title: "A contractor reads only what its contract covers"
# description: |
#   Needs, for each contractor and sub-contractor of the chain, its contract (employer.contracts) with purposes and
#   with data types that cover every data type touched.
# scope: rule
# custom:
#   id: house-moderation-purpose
#   layer: house
#   citation: "House policy, after APPI Art. 25 and the PPC guidance of 2021-04-23, point 1"
#   effective_from: 1970-01-01
#   mode: enforce
#   cases: [L09, L23]
passed contains "house-moderation-purpose" if _within_contracts

_within_contracts if input.data.about_people == false

_within_contracts if input.employer.known == false

_within_contracts if {
	input.employer.relation in {"controller", "affiliate"}
	count(_uncovered) == 0
}

_within_contracts if {
	input.employer.relation in {"contractor", "subcontractor"}
	count(_contracted) > 0
	count(_uncovered) == 0
}

_contracted contains i if {
	some i, link in input.employer.chain
	not link.relation in {"controller", "affiliate", "owner"}
}

_uncovered contains i if {
	some i in _contracted
	link := input.employer.chain[i]
	not _contract_covers(link)
}

_contract_covers(link) if {
	some contract in input.employer.contracts
	contract.id == link.contract
	contract.purpose != ""
	every data_type in facts.told_types {
		lib.covered(contract.data_types, data_type)
	}
}

findings contains lib.finding("house-moderation-purpose", {
	"message": sprintf("the contract with %s (hop %d of the employer chain) does not cover %s", [
		link.name,
		link.hop,
		lib.list(facts.told_types),
	]),
	"fact": sprintf("employer.chain[%d].contract", [i]),
	"value": link.contract,
	"remedy": "only data types within the scope of the contract",
}) if {
	not _within_contracts
	some i in _uncovered
	link := input.employer.chain[i]
}

findings contains lib.finding("house-moderation-purpose", {
	"message": "how this employer is related to the controller is not known, so no contract can cover what it reads",
	"fact": "employer.relation",
	"value": input.employer.relation,
	"remedy": "complete the contract's entry in the registry",
}) if {
	not _within_contracts
	count(_uncovered) == 0
}
