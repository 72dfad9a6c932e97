# METADATA
# title: Work in China
# description: The rule LINE gave itself in August 2021. A pack for datasources that choose it.
package house.china

import data.sekisho.facts
import data.sekisho.lib

# METADATA
# title: "No work in China on data of people in Japan, nor on the app"
# description: |
#   Needs employer.chain, location, principal.residence, data.subject_countries and the datasource. Whoever brings China
#   reads no data about people in Japan, and none about people at all in the app's own datasources.
# scope: rule
# custom:
#   id: house-china-2021
#   layer: house
#   citation: "House policy of August 2021: development and operation in China"
#   effective_from: 2021-08-01
#   mode: enforce
#   cases: [L28]
passed contains "house-china-2021" if _kept_out

_kept_out if input.data.about_people == false

_kept_out if count(_from_there) == 0

_kept_out if {
	not "JP" in input.data.subject_countries
	not input.datasource.id in data.house.china.app_datasources
	input.data.subject_known == true
}

_from_there contains source if {
	some source in facts.sources
	source.country in data.house.china.countries
}

# METADATA
# title: Findings
# description: What this pack has to say, one entry for each fact that failed.
# scope: document
findings contains lib.finding("house-china-2021", {
	"message": sprintf("no work in China on this data: %s is %s", [first.country, first.what]),
	"fact": first.fact,
	"value": first.country,
	"remedy": "services for people elsewhere, in an environment of their own without data of people in Japan",
}) if {
	not _kept_out
	[_, _, first] := min({[source.rank, source.fact, source] | some source in _from_there})
}
