# METADATA
# title: What users were told
# description: Countries from which people's data is read are countries the notice in force names.
package promise.disclosure

import data.sekisho.facts
import data.sekisho.lib

# METADATA
# title: Country of origin is disclosed
# description: |
#   Needs: every country of origin (origin, location, employer), the controller's country, the disclosures in force.
#   Each country other than the controller's own must be disclosed for every data type touched. Where the controller's
#   own people are on a short trip is no place data is read from as a rule; house-trip-mask masks there instead.
# scope: rule
# custom:
#   id: promise-disclosure
#   layer: promise
#   citation: "Privacy notice in force: countries of access"
#   effective_from: 2021-03-23
#   mode: enforce
#   cases: [L01, L02, L07, L15]
#   undisclosed: true
passed contains "promise-disclosure" if _kept

_kept if input.data.about_people == false

_kept if {
	input.data.about_people == true
	count(_undisclosed) == 0
}

# METADATA
# title: Countries users were not told of
# description: One finding for each country, at the fact that says most about the employer.
findings contains lib.finding("promise-disclosure", {
	"message": sprintf("%s is not among the countries users were told of for %s: it is %s", [
		country,
		lib.list(_types(first)),
		first.what,
	]),
	"fact": first.fact,
	"value": country,
	"remedy": sprintf("a notice in force that names %s for these data types", [country]),
}) if {
	input.data.about_people == true
	some country in {source.country | some source in _undisclosed}
	[_, _, first] := min({[source.rank, source.fact, source] |
		some source in _undisclosed
		source.country == country
	})
}

_undisclosed contains source if {
	some source in facts.sources
	source.country != input.datasource.controller.country
	not _on_own_trip(source)
	count(_types(source)) > 0
}

_on_own_trip(source) if {
	facts.own_trip == true
	source.rank == 4
}

_types(source) := lib.undisclosed(input.disclosures, source.country, source.entity, facts.told_types)
