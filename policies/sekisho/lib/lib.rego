# METADATA
# title: Words all packs share
# description: Functions of their arguments only.
package sekisho.lib

# METADATA
# description: |
#   One finding of a rule: message, fact and value, and what the parts leave out. Never put a value into it that may be
#   undefined: the finding would be lost.
finding(rule, parts) := object.union({"rule": rule, "reason": "policy_denied", "remedy": ""}, parts)

# METADATA
# description: Whether a Fides key stands for a data type; it covers itself and its descendants, and rows of no type.
covers(key, data_type) if key == data_type

covers(key, data_type) if startswith(data_type, concat("", [key, "."]))

covers(_, data_type) if data_type == "data about people"

# METADATA
# description: Whether any of the keys covers the data type.
covered(keys, data_type) if {
	some key in keys
	covers(key, data_type)
}

# METADATA
# description: Whether one key covers the other. A type above a special one may be it.
same_branch(key, data_type) if covers(key, data_type)

same_branch(key, data_type) if covers(data_type, key)

# METADATA
# description: The data types that none of these disclosures covers for a country and an entity in it (null = any).
undisclosed(disclosures, country, entity, data_types) := {data_type |
	some data_type in data_types
	not _disclosed(disclosures, country, entity, data_type)
}

_disclosed(disclosures, country, entity, data_type) if {
	some disclosure in disclosures
	disclosure.country == country
	_names(disclosure, entity)
	covered(disclosure.data_types, data_type)
}

# A disclosure that lists no entity is about any entity of its country.
_names(disclosure, _) if count(disclosure.entities) == 0

_names(disclosure, entity) if entity in disclosure.entities

_names(_, entity) if is_null(entity)

# METADATA
# description: The disclosures users consented to.
consented(disclosures) := [disclosure | some disclosure in disclosures; disclosure.consent == true]

# METADATA
# description: |
#   An obligation: of a relation (an entry of data.relations with a subject_column) only the rows of people in these
#   countries. Rows whose column holds no country, or another word, are not among them.
subject_countries(rule, relation, countries) := {
	"rule": rule,
	"kind": "subject_countries",
	"relation": relation.relation,
	"column": relation.subject_column,
	"countries": sort(countries),
}

# METADATA
# description: Values as one text for a message.
list(values) := concat(", ", sort(values))

# METADATA
# description: 1 for true, 0 for anything else, for sorting.
flag(value) := 1 if {
	value == true
} else := 0

# METADATA
# description: Whether an agreement is about a data type; one that lists none is about all.
agreed(agreement, _) if count(agreement.data_types) == 0

agreed(agreement, data_type) if covered(agreement.data_types, data_type)

# METADATA
# description: A country for a message.
known(country) := country if {
	is_string(country)
} else := "a country nobody recorded"
