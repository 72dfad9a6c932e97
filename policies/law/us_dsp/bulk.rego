# What of the statement is bulk sensitive personal data, with what went to the same employer in twelve months.
package law.us_dsp

import data.regimes.us
import data.sekisho.lib

# Columns that are read and may be about people of the USA. What is written is not read.
_columns contains [column.relation, column.column, column.data_types] if {
	some column in input.data.columns
	column.use != "write_target"
	_about_us(column)
}

_about_us(column) if "US" in column.subject_countries

_about_us(column) if column.subject_known == false

_read_types contains data_type if {
	some [_, _, data_types] in _columns
	some data_type in data_types
}

# Types of the statement that no column has: nothing can be masked of them.
_loose_types := {data_type | some data_type in input.data.data_types} - {data_type |
	some column in input.data.columns
	some data_type in column.data_types
}

_touched_types := _read_types | _loose_types

# The longest key of a table that stands for a data type.
_longest(table, data_type) := table[max(keys)[1]] if {
	keys := {[count(key), key] | some key, _ in table; lib.covers(key, data_type)}
	count(keys) > 0
}

_category(data_type) := us.wide_categories[data_type]

_category(data_type) := _longest(us.categories, data_type) if not us.wide_categories[data_type]

_class(data_type) := us.wide_identifiers[data_type]

_class(data_type) := _longest(us.listed_identifiers, data_type) if not us.wide_identifiers[data_type]

# What went out before, of people of the USA. A type above another is counted with it (policies/README.md).
_counted[data_type] := subjects if {
	some entry in input.volume.counts
	entry.subject_country == "US"
	data_type := entry.data_type
	subjects := sum([one.subjects |
		some one in input.volume.counts
		one.data_type == entry.data_type
		one.subject_country == "US"
	])
}

_sent contains data_type if {
	some data_type, subjects in _counted
	subjects > 0
}

_above contains data_type if {
	some data_type in _sent
	some other in _sent
	startswith(other, sprintf("%s.", [data_type]))
}

_known_types := _touched_types | (_sent - _above)

# Categories of this statement, and of what it can be put together with. Splitting a reading in two changes nothing.

_touched contains category if {
	some data_type in _touched_types
	category := _category(data_type)
}

_touched contains "personal_identifiers" if {
	_linked_identifiers
	count(_identifiers & _touched_types) > 0
}

_present contains category if {
	some data_type in _known_types
	category := _category(data_type)
}

_present contains "personal_identifiers" if _linked_identifiers

_identifiers contains data_type if {
	some data_type in _known_types
	_class(data_type)
}

_linked_identifiers if {
	count(_identifiers) > 1
	some data_type in _identifiers
	not _class(data_type) in us.contact_classes
	not _for_telecommunications
}

_for_telecommunications if {
	count(input.employer.contracts) > 0
	every contract in input.employer.contracts {
		contract.purpose in us.telecommunications_purposes
	}
	every data_type in _identifiers {
		_class(data_type) in us.network_classes
	}
}

# The types by which a category is counted, each with all that is below it. Whoever has linked identifiers has one at
# least that is not contact data.
_keys(category) := union({_of(us.categories, category), _wide(category), _identifying(category)})

_of(table, category) := {key | some key, its in table; its == category}

_wide(category) := {key | some key in _touched_types; us.wide_categories[key] == category}

_identifying(category) := {key |
	category == "personal_identifiers"
	some key, class in us.listed_identifiers
	not class in us.contact_classes
} | {key |
	category == "personal_identifiers"
	some key, _ in us.wide_identifiers
	key in _touched_types
}

# Upper bounds of how many people, or devices, the employer has data of.
_subjects[category] := sum([subjects | some key, subjects in _counted; key in keys]) if {
	some category in _touched
	keys := _keys(category)
}

# Data of more than one category is bulk by the lowest threshold among them (202.205(g)).
_combined := _present - {"government_related"}

_threshold(category) := min({us.bulk[one].threshold | some one in _combined}) if {
	category in _combined
} else := us.bulk[category].threshold

# How many more people, or devices, each category of the statement may be about before it is bulk.
_left[category] := max([0, _threshold(category) - _subjects[category]]) if {
	some category in _touched
	input.volume.available == true
	not category in _miscounted
}

# Devices were to be counted, and people were: how many devices nobody knows.
_miscounted contains category if {
	some category in _touched
	us.bulk[category].unit == "device"
	some unit in _units(category)
	unit != "device"
}

_units(category) := {entry.unit |
	some entry in input.volume.counts
	entry.subject_country == "US"
	entry.data_type in _keys(category)
} | {relation.unit |
	some relation in input.data.relations
	some [name, _, data_types] in _columns
	name == relation.relation
	some data_type in data_types
	_category(data_type) == category
}

# Categories of which one more person would be bulk: no row of them can be let out.
_bulk contains category if {
	some category in _touched
	not category in _open
}

_open contains category if {
	some category, left in _left
	left > 0
}

# What keeps a category of the statement below its threshold.
_bounded contains [category, {
	"data_types": sort(_keys(category)),
	"subject_country": "US",
	"unit": us.bulk[category].unit,
	"window": "P12M",
	"max": _threshold(category),
}] if {
	some category in _open
}
