# METADATA
# title: Standing access
# description: Who works for somebody else reads data about people for a reason of that day, and not because they may.
package house.standing

import data.sekisho.lib

# METADATA
# title: "Contractors give a purpose and a ticket"
# description: |
#   Needs employer.relation, principal.purpose and principal.ticket (of the signed token), principal.groups and
#   employer.groups. Groups whose need and scope were reviewed read without (data.house.standing.reviewed_groups).
# scope: rule
# custom:
#   id: house-standing-access
#   layer: house
#   citation: "House policy, after the PPC guidance of 2021-04-23, point 1"
#   effective_from: 2021-04-23
#   mode: enforce
#   cases: [L23]
passed contains "house-standing-access" if _grounded

_grounded if input.data.about_people == false

_grounded if input.employer.relation in {"controller", "affiliate"}

# By whom they are employed at all is for house-employer-known to say.
_grounded if input.employer.known == false

_grounded if count(_reviewed) > 0

_grounded if count(_missing) == 0

_reviewed contains group if {
	some group in input.principal.groups
	group in data.house.standing.reviewed_groups
}

_reviewed contains group if {
	some group in input.employer.groups
	group in data.house.standing.reviewed_groups
}

_missing contains "principal.purpose" if not _purpose

_missing contains "principal.ticket" if not _ticket

_purpose if {
	is_string(input.principal.purpose)
	input.principal.purpose != ""
}

_ticket if {
	is_string(input.principal.ticket)
	input.principal.ticket != ""
}

# METADATA
# title: Findings
# description: What this pack has to say, one entry for each fact that failed.
# scope: document
findings contains lib.finding("house-standing-access", {
	"message": sprintf("staff of a contractor have no standing access to data about people: %s is missing", [fact]),
	"fact": fact,
	"value": null,
	"remedy": "a ticket approved by the controller and its purpose, in the login token; or a review of the group's need",
}) if {
	not _grounded
	some fact in _missing
}
