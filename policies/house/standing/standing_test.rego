package house.standing_test

import data.house.standing
import data.sekisho
import data.sekisho.fixtures_test as fx

_developer := fx.set(fx.contractor, {"/principal/groups": ["developer"], "/employer/groups": []})

test_standing_access_passes_the_controllers_own_people if "house-standing-access" in standing.passed with input as fx.reader

test_standing_access_passes_a_reviewed_group if {
	"house-standing-access" in standing.passed with input as fx.contractor
	of_registry := fx.set(_developer, {"/employer/groups": ["moderator"]})
	"house-standing-access" in standing.passed with input as of_registry
}

test_standing_access_passes_nobody_and_somebody_unknown if {
	"house-standing-access" in standing.passed with input as fx.nobody
	"house-standing-access" in standing.passed with input as fx.unknown
}

test_standing_access_passes_a_purpose_with_a_ticket if {
	grounded := fx.set(_developer, {"/principal/purpose": "incident", "/principal/ticket": "INC-1"})
	"house-standing-access" in standing.passed with input as grounded
}

test_standing_access_denies_without_either if {
	{f.fact | some f in standing.findings} == {"principal.purpose", "principal.ticket"} with input as _developer
	every change in [{"/principal/purpose": "incident"}, {"/principal/ticket": "INC-1"}] {
		not "house-standing-access" in standing.passed with input as fx.set(_developer, change)
	}
	empty := fx.set(_developer, {"/principal/purpose": "", "/principal/ticket": ""})
	not "house-standing-access" in standing.passed with input as empty
}

test_standing_access_denied_without_ticket if {
	sekisho.decision.effect == "deny" with input as fx.without(_developer, "principal/ticket")
}
