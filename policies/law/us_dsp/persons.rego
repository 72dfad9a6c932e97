# Who is a covered person here, and by which contracts the data goes to one.
package law.us_dsp

import data.regimes.us

# Data about people of the USA that a US person holds: the controller, somebody in the chain, or whoever runs a
# database there (202.256). A controller of no known country may be one.
_concerned if {
	input.data.about_people == true
	"US" in input.data.subject_countries
	_exporter
}

_exporter if "US" in input.datasource.storage_countries

_exporter if "US" in input.data.storage_countries

_exporter if input.datasource.controller.country == "US"

_exporter if is_null(input.datasource.controller.country)

_exporter if {
	some link in input.employer.chain
	link.country == "US"
}

# Everything that makes this a covered person: each with the fact that says so.

_covered contains {
	"fact": sprintf("employer.chain[%d].entity", [i]),
	"value": link.entity,
	"what": sprintf("%s (hop %d of the employer chain) is a covered person%s", [link.name, link.hop, _note(link.entity)]),
	"section": "202.211(a)(1), (2)",
} if {
	some i in _covered_links
	link := input.employer.chain[i]
}

_covered contains {
	"fact": "employer.known",
	"value": false,
	"what": "by whom this person is employed is not known, and it may be a covered person",
	"section": "202.211(a)(3)",
} if {
	not _employer_known
}

_covered contains {
	"fact": "principal.residence",
	"value": input.principal.residence,
	"what": sprintf("this person lives in %s, and whoever primarily resides there is a covered person", [
		input.principal.residence,
	]),
	"section": "202.211(a)(4)",
} if {
	not _us_person
	input.principal.residence in us.countries_of_concern
}

_covered contains {
	"fact": "principal.residence",
	"value": null,
	"what": "where this person lives is not known, and it may be in a country of concern",
	"section": "202.211(a)(4)",
} if {
	not _us_person
	is_null(input.principal.residence)
}

_covered contains {
	"fact": "principal.id",
	"value": input.principal.id,
	"what": "this person is designated as a covered person",
	"section": "202.211(a)(5)",
} if {
	input.principal.id in us.ownership_tests["us-dsp-202"].designated
}

_employer_known if {
	input.employer.known == true
	is_string(input.employer.entity)
}

# Citizens and permanent residents, and whoever lives in the USA unless the registry says that they are none (202.256).
_us_person if input.principal.us_person == "yes"

_us_person if {
	input.principal.us_person == "unknown"
	input.principal.residence == "US"
}

# Entities below the controller that are not shown to be held by nobody of a country of concern. The controller is the
# exporter: its own people are covered by where they live, not by who owns it.
_covered_links contains i if {
	some i, link in input.employer.chain
	link.hop >= 1
	not link.entity in _not_held
}

_not_held contains fact.entity if {
	some fact in input.employer.held
	fact.test == "us-dsp-202"
	fact.answer == "no"
	not fact.entity in _perhaps_held
}

_perhaps_held contains fact.entity if {
	some fact in input.employer.held
	fact.test == "us-dsp-202"
	fact.answer != "no"
}

_note(entity) := sprintf(": %s", [min(notes)]) if {
	notes := {fact.note | some fact in input.employer.held; fact.test == "us-dsp-202"; fact.entity == entity; fact.note != ""}
	count(notes) > 0
} else := ""

# The contract by which each link is tied to the one before it; a link of the group has none.
_contract(link) := [contract | some contract in input.employer.contracts; contract.id == link.contract]

_brokerage if {
	some contract in input.employer.contracts
	contract.transaction == "data_brokerage"
}

# What reaches a covered person outside of every exemption.
_regulated if {
	_concerned
	count(_covered) > 0
	not _exempt
}

# Exempt only where the contract with the person's own employer is, and the one with every covered entity on the way.
_exempt if {
	count(input.employer.chain) > 1
	_exempt_links[count(input.employer.chain) - 1]
	count(_covered_links - _exempt_links) == 0
}

_exempt_links contains i if {
	some i, link in input.employer.chain
	some contract in _contract(link)
	some exemption in contract.exemptions
	exemption in object.keys(us.exemptions)
	_holds(us.exemptions[exemption], link)
}

_holds(said, _) if not said.group

_holds(said, link) if {
	said.group == true
	is_null(input.request)
	link.entity in _group
}

# Entities of the controller's group: tied to it by a share and no contract, or owned by it.
_group contains link.entity if {
	some link in input.employer.chain
	link.relation == "affiliate"
}

_group contains input.employer.entity if {
	some owner in input.employer.owners
	owner.entity == input.datasource.controller.entity
	is_number(owner.share_percent)
	owner.share_percent >= 50
}
