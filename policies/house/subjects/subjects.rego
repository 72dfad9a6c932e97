# METADATA
# title: The people the data is about
# description: Whose data it is, and kinds of data that need more care than the law's minimum.
package house.subjects

import data.regimes.jp
import data.sekisho.facts
import data.sekisho.lib

_about_nobody if input.data.about_people == false

# METADATA
# title: "Whose data it is, is known"
# description: |
#   Needs data.subject_known and data.subject_countries, of the whole statement and of every column with a data
#   type.
# scope: rule
# custom:
#   id: house-subject-known
#   layer: house
#   citation: "House policy: data of nobody knows whom is denied"
#   effective_from: 1970-01-01
#   mode: enforce
passed contains "house-subject-known" if _subject_known

_subject_known if _about_nobody

_subject_known if {
	input.data.subject_known == true
	count(input.data.subject_countries) > 0
}

# METADATA
# title: Findings
# description: What this pack has to say, one entry for each fact that failed.
# scope: document
findings contains lib.finding("house-subject-known", {
	"message": "the data is about people of whom nobody declared the country",
	"fact": "data.subject_known",
	"value": input.data.subject_known,
	"remedy": "declare in the registry's catalog whose data the relation holds",
}) if {
	not _subject_known
}

# METADATA
# title: "Special-care data stays with readers in Japan"
# description: |
#   Needs data.data_types, data.subject_countries, origin and employer. Health, biometric and criminal data of
#   people in Japan is read by nobody whose origin includes another country, with consent or without.
# scope: rule
# custom:
#   id: house-special-care
#   layer: house
#   citation: "House policy, after APPI Art. 2(3) and the government guideline of 2021-04-30"
#   effective_from: 2021-04-30
#   mode: enforce
#   cases: [L18, L19]
passed contains "house-special-care" if _cared_for

_cared_for if _about_nobody

_cared_for if count(_outside) == 0

_cared_for if count(_protected) == 0

_cared_for if count(_special_types) == 0

# A type above a special one may be it.
_special_types contains data_type if {
	some data_type in facts.data_types
	some key in jp.special_care_types
	lib.same_branch(key, data_type)
}

_protected contains country if {
	some country in input.data.subject_countries
	country in data.house.subjects.special_care.subject_countries
}

# Whose country is not known is not among the known subjects, and may be anybody.
_protected contains "unknown" if not _subject_known

_outside contains source.country if {
	some source in facts.sources
	not source.country in data.house.subjects.special_care.origins
}

findings contains lib.finding("house-special-care", {
	"message": sprintf("%s of people in %s is read from %s only, and %s is %s", [
		lib.list(_special_types),
		lib.list(_protected),
		lib.list(data.house.subjects.special_care.origins),
		country,
		first.what,
	]),
	"fact": first.fact,
	"value": country,
	"remedy": "have it read by someone of the controller in Japan",
}) if {
	not _cared_for
	some country in _outside
	[_, _, first] := min({[source.rank, source.fact, source] |
		some source in facts.sources
		source.country == country
	})
}

# METADATA
# title: "Message bodies need a second factor"
# description: |
#   Needs principal.mfa and data.data_types. Decided and counted, not acted on yet.
# scope: rule
# custom:
#   id: house-messages-mfa
#   layer: house
#   citation: "House policy, after the PPC recommendation of 2024-03-28"
#   effective_from: 2024-03-28
#   mode: shadow
#   cases: [L26]
passed contains "house-messages-mfa" if _factor_given

_factor_given if _about_nobody

_factor_given if input.principal.mfa == true

_factor_given if count(_message_types) == 0

_message_types contains data_type if {
	some data_type in facts.data_types
	some key in data.house.subjects.message_types
	lib.same_branch(key, data_type)
}

findings contains lib.finding("house-messages-mfa", {
	"message": "message bodies are read by people who logged in with a second factor",
	"fact": "principal.mfa",
	"value": input.principal.mfa,
	"remedy": "log in with a second factor",
}) if {
	not _factor_given
}
