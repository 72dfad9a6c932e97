# METADATA
# title: What residents tell a public body
# description: |
#   Announcements may go to a platform that a public body uses under its terms of service; what residents tell the body
#   may not. A pack for the datasources that such an account writes to.
package house.residents

import data.sekisho.lib

# METADATA
# title: "What residents tell a public body is not written to a platform under its terms of service"
# description: |
#   Needs the datasource and the designations of its controller, employer.chain (designations), statement.effect and
#   statement.kind. What lies there already may be read and deleted.
# scope: rule
# custom:
#   id: house-residents-2021
#   layer: house
#   citation: "House policy, after the guideline of NISC, PPC, FSA and MIC of 2021-04-30, (2)"
#   effective_from: 2021-04-30
#   mode: enforce
#   cases: [L21]
passed contains "house-residents-2021" if _kept_away

_kept_away if input.data.about_people == false

_kept_away if input.statement.effect in {"none", "read", "session"}

_kept_away if input.statement.kind == "delete"

_kept_away if {
	is_string(input.datasource.id)
	not _platform
}

_kept_away if {
	is_array(input.datasource.controller.designations)
	count(input.employer.chain) > 0
	every link in input.employer.chain {
		is_array(link.designations)
	}
	count(_public_bodies) == 0
}

_platform if input.datasource.id in data.house.residents.platforms

_public_bodies contains input.datasource.controller.name if {
	"government" in input.datasource.controller.designations
}

_public_bodies contains link.name if {
	some link in input.employer.chain
	"government" in link.designations
}

# METADATA
# title: Findings
# description: What this pack has to say, one entry for each fact that failed.
# scope: document
findings contains lib.finding("house-residents-2021", {
	"message": sprintf("what residents tell %s is not stored on a platform under its terms of service", [_whom]),
	"fact": "datasource.id",
	"value": input.datasource.id,
	"remedy": "store it in a database of your own, or of a contractor of your own",
}) if {
	not _kept_away
}

_whom := lib.list(sort(_public_bodies)) if {
	count(_public_bodies) > 0
} else := "a public body"
