# METADATA
# title: What was claimed of all data
# description: |
#   Sentences like "all images are stored only in Japan", in notices and announcements in force. They bind as they were
#   said: about these data types, of these people, from the day they count.
package promise.residency

import data.sekisho.facts
import data.sekisho.lib

# METADATA
# title: "Data is stored only where it was claimed to be"
# description: |
#   Needs claims, statement.effect and kind, data.data_types, data.subject_countries and data.storage_countries. What is
#   written lies where the datasource and its copies lie; deleting stores nothing.
# scope: rule
# custom:
#   id: promise-residency
#   layer: promise
#   citation: "Notices and announcements in force: where data is stored"
#   effective_from: 2021-03-23
#   mode: enforce
#   cases: [L16]
passed contains "promise-residency" if {
	is_array(input.claims)
	count(_strays) == 0
}

# Position of the claim, and of the country it does not name.
_strays contains [i, j] if {
	input.statement.effect == "write"
	input.statement.kind != "delete"
	some i, claim in input.claims
	claim.claim == "stored_only_in"
	_concerned(claim)
	some j, country in input.data.storage_countries
	not country in claim.countries
}

# METADATA
# title: Findings
# description: What this pack has to say, one entry for each fact that failed.
# scope: document
findings contains lib.finding("promise-residency", {
	"message": sprintf("users were told (%s) that %s is stored only in %s, and this would be stored in %s", [
		claim.notice,
		lib.list(claim.data_types),
		lib.list(claim.countries),
		country,
	]),
	"fact": sprintf("data.storage_countries[%d]", [j]),
	"value": country,
	"remedy": sprintf("store it in %s", [lib.list(claim.countries)]),
}) if {
	some [i, j] in _strays
	claim := input.claims[i]
	country := input.data.storage_countries[j]
}

# METADATA
# title: "Data is read only from where it was claimed to be"
# description: |
#   Needs claims, data.data_types, data.subject_countries, employer, location and origin. Every country of origin is among
#   those claimed; where the controller's own people are on a trip is no place data is read from as a rule.
# scope: rule
# custom:
#   id: promise-access
#   layer: promise
#   citation: "Notices and announcements in force: from where data is read"
#   effective_from: 2021-03-23
#   mode: enforce
passed contains "promise-access" if {
	is_array(input.claims)
	count(_readers) == 0
}

# Position of the claim, and the source of origin it does not name.
_readers contains [i, source] if {
	some i, claim in input.claims
	claim.claim == "accessed_only_from"
	_concerned(claim)
	some source in facts.sources
	not source.country in claim.countries
	not _on_own_trip(source)
}

_on_own_trip(source) if {
	facts.own_trip == true
	source.rank == 4
}

findings contains lib.finding("promise-access", {
	"message": sprintf("users were told (%s) that %s is read only from %s, and %s is %s", [
		claim.notice,
		lib.list(claim.data_types),
		lib.list(claim.countries),
		country,
		first.what,
	]),
	"fact": first.fact,
	"value": country,
	"remedy": sprintf("have it read from %s", [lib.list(claim.countries)]),
}) if {
	some i, claim in input.claims
	some country in {source.country | some [n, source] in _readers; n == i}
	[_, _, first] := min({[source.rank, source.fact, source] |
		some [n, source] in _readers
		n == i
		source.country == country
	})
}

# A claim about a data type is about those above it, too: what is only known to be `user` may be what was claimed.
_concerned(claim) if {
	input.data.about_people == true
	_of_these_people(claim)
	some key in claim.data_types
	some data_type in facts.told_types
	lib.same_branch(key, data_type)
}

_of_these_people(claim) if count(claim.subject_countries) == 0

_of_these_people(claim) if {
	some country in claim.subject_countries
	country in input.data.subject_countries
}

# Whose country is not known may be of any.
_of_these_people(_) if not input.data.subject_known == true
