# METADATA
# title: Audits of contractors
# description: A contractor that nobody looked at for a year reads nothing about people.
package house.vendors

import data.sekisho.lib

# METADATA
# title: "Contractors were audited within a year"
# description: |
#   Needs employer.chain and, of each contract on it, last_audit_age_days.
# scope: rule
# custom:
#   id: house-vendor-audit
#   layer: house
#   citation: "House policy, after the PPC guidance of 2021-04-23, point 3, and its recommendation of 2024-03-28"
#   effective_from: 2021-04-23
#   mode: enforce
passed contains "house-vendor-audit" if _audited

_audited if input.data.about_people == false

_audited if count(_overdue) == 0

_overdue contains i if {
	input.data.about_people == true
	some i, link in input.employer.chain
	is_string(link.contract)
	not link.contract in _recent
}

_recent contains contract.id if {
	some contract in input.employer.contracts
	is_number(contract.last_audit_age_days)
	contract.last_audit_age_days >= 0
	contract.last_audit_age_days <= data.house.vendors.max_audit_age_days
}

# METADATA
# title: Findings
# description: What this pack has to say, one entry for each fact that failed.
# scope: document
findings contains lib.finding("house-vendor-audit", {
	"message": sprintf("%s (hop %d of the employer chain) was not audited within %d days", [
		link.name,
		link.hop,
		data.house.vendors.max_audit_age_days,
	]),
	"fact": sprintf("employer.chain[%d].contract", [i]),
	"value": link.contract,
	"remedy": "an audit, recorded with the contract in the registry",
}) if {
	some i in _overdue
	link := input.employer.chain[i]
}
