# METADATA
# title: The place
# description: Where the person is, and what the controller's own people see while away.
package house.location

import data.sekisho.facts
import data.sekisho.lib

# METADATA
# title: "The place is known"
# description: |
#   Needs location.known, location.conflict and location.confidence. An address that no site covers, and sources
#   that disagree, are not a known place.
# scope: rule
# custom:
#   id: house-location-known
#   layer: house
#   citation: "House policy: an unknown place allows nothing about people"
#   effective_from: 1970-01-01
#   mode: enforce
passed contains "house-location-known" if count(_doubts) == 0

_about_nobody if input.data.about_people == false

_doubts contains "location.known" if {
	not _about_nobody
	not _known
}

_doubts contains "location.conflict" if {
	not _about_nobody
	not input.location.conflict == false
}

_doubts contains "location.confidence" if {
	not _about_nobody
	_known
	not input.location.confidence in data.house.location.accepted_confidence
}

_known if {
	input.location.known == true
	count(input.location.countries) > 0
}

# METADATA
# title: Findings
# description: What this pack has to say, one entry for each fact that failed.
# scope: document
findings contains lib.finding("house-location-known", {
	"message": sprintf("where this person is now is not known, and unknown allows nothing about people%s", [_note]),
	"fact": "location.known",
	"value": false,
	"remedy": "come through a network the registry has as a direct site",
}) if {
	"location.known" in _doubts
}

findings contains lib.finding("house-location-known", {
	"message": sprintf("the sources of this person's place disagree: %s%s", [lib.list(input.location.countries), _note]),
	"fact": "location.conflict",
	"value": input.location.conflict,
	"remedy": "whoever answers for the registry can settle which source is right",
}) if {
	"location.conflict" in _doubts
}

findings contains lib.finding("house-location-known", {
	"message": sprintf("this person's place is only %s, which is not enough for data about people%s", [
		input.location.confidence,
		_note,
	]),
	"fact": "location.confidence",
	"value": input.location.confidence,
	"remedy": "come through a network the registry has as a direct site",
}) if {
	"location.confidence" in _doubts
}

_note := sprintf(": %s", [input.location.note]) if {
	input.location.note != ""
} else := ""

# METADATA
# title: "Contact data is masked on a trip"
# description: |
#   Needs principal.stay, employer.same_legal_entity, location.countries and the labels of data.columns. Denies
#   nothing by itself: it asks for masks, and passes only where each column that needs one has one.
# scope: rule
# custom:
#   id: house-trip-mask
#   layer: house
#   citation: "House policy, after APPI Art. 23: short stays abroad"
#   effective_from: 1970-01-01
#   mode: enforce
#   cases: [L13]
passed contains "house-trip-mask" if {
	masked := {[o.relation, o.column] | some o in obligations}
	count(_to_mask - masked) == 0
}

# METADATA
# title: Obligations
# description: Masks on contact data for the controller's own people while they are on a trip abroad.
# scope: document
obligations contains {
	"rule": "house-trip-mask",
	"kind": "mask",
	"relation": column.relation,
	"column": column.column,
	"method": method,
} if {
	_away
	some column in input.data.columns
	[column.relation, column.column] in _to_mask
	method := _methods[column.data_types]
}

_to_mask contains [column.relation, column.column] if {
	_away
	some column in input.data.columns
	column.use != "write_target"
	column.data_types in _kept_from_trips
}

_away if {
	input.data.about_people == true
	facts.own_trip == true
	some country in input.location.countries
	country != input.datasource.controller.country
}

# Many columns have the same data types: each such list is looked at once.
_kept_from_trips contains data_types if {
	some data_types in _lists
	count(_keys(data_types)) > 0
}

_lists contains column.data_types if some column in input.data.columns

_keys(data_types) := {key |
	some key, _ in data.house.location.trip_masks
	some data_type in data_types
	lib.covers(key, data_type)
}

# Of the keys that fit, the longest says how.
_methods[data_types] := method if {
	some data_types in _kept_from_trips
	method := data.house.location.trip_masks[max({[count(key), key] | some key in _keys(data_types)})[1]]
	is_string(method)
}

# METADATA
# title: "Reading on a trip is approved first"
# description: |
#   Needs principal.stay, principal.ticket, employer.same_legal_entity and location.countries. The controller's own
#   people, on a trip outside of these countries, read data about people there with a ticket that approves it.
# scope: rule
# custom:
#   id: house-trip-approval
#   layer: house
#   citation: "House policy, after GDPR Art. 32 and EDPB Guidelines 05/2021, example 5"
#   effective_from: 2018-05-25
#   mode: enforce
#   cases: [G04]
passed contains "house-trip-approval" if _approved

_approved if not _far_away

_approved if _ticket

_ticket if {
	is_string(input.principal.ticket)
	input.principal.ticket != ""
}

# Whoever is not known to live where they are is away.
_far_away if {
	input.data.about_people == true
	input.employer.same_legal_entity == true
	input.principal.stay != "residence"
	some subject in input.data.subject_countries
	subject in data.house.location.trip_approval
	some country in input.location.countries
	not country in data.house.location.trip_approval
}

findings contains lib.finding("house-trip-approval", {
	"message": sprintf("this person is on a trip in %s, and reading there needs an approval", [
		lib.list(input.location.countries),
	]),
	"fact": "principal.ticket",
	"value": input.principal.ticket,
	"remedy": "a ticket of the controller's security that approves it, in the login token",
}) if {
	not _approved
}
