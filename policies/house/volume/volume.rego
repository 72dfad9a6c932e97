# METADATA
# title: Volume
# description: How much of people's data one employer may read in a day.
package house.volume

import data.sekisho.lib

# METADATA
# title: "A day's volume of people's data is bounded"
# description: |
#   Needs volume.rows for the window this rule counts in. The answer holds for as many rows as are left.
# scope: rule
# custom:
#   id: house-volume
#   layer: house
#   citation: "House policy: rows of people's data per employer and day"
#   effective_from: 1970-01-01
#   mode: enforce
passed contains "house-volume" if _within

_within if input.data.about_people == false

_within if headroom > 0

# METADATA
# title: Rows left
# description: Undefined where the volume was counted in another window than the limit is for.
headroom := max([0, data.house.volume.rows_per_day - input.volume.rows]) if {
	input.volume.window == data.house.volume.window
}

_counted if input.volume.window == data.house.volume.window

# METADATA
# title: "The house's own limits on distinct people are kept"
# description: |
#   Needs volume.available and data.relations where data.house.volume.subject_limits has an entry for a type of the
#   statement. How many are left is for the gateway to reserve: what this rule says is the limit.
# scope: rule
# custom:
#   id: house-subjects-limit
#   layer: house
#   citation: "House policy: distinct people's data per employer, type and country"
#   effective_from: 1970-01-01
#   mode: enforce
passed contains "house-subjects-limit" if _countable

_countable if input.data.about_people == false

_countable if count(limits) == 0

_countable if input.volume.available == true

# METADATA
# title: Limits
# description: Those of the house that are about data of this statement.
# scope: document
limits contains object.union(limit, {"rule": "house-subjects-limit"}) if {
	input.data.about_people == true
	some limit in data.house.volume.subject_limits
	some data_type in input.data.data_types
	lib.covered(limit.data_types, data_type)
}

# METADATA
# title: Findings
# description: What this pack has to say, one entry for each fact that failed.
# scope: document
findings contains lib.finding("house-volume", {
	"message": sprintf("this employer has read %d rows of people's data in a day; the limit is %d", [
		input.volume.rows,
		data.house.volume.rows_per_day,
	]),
	"fact": "volume.rows",
	"value": input.volume.rows,
	"remedy": "wait for the next day (UTC)",
}) if {
	not _within
	_counted
}

findings contains lib.finding("house-volume", {
	"message": sprintf("the volume read so far is counted in %s, the limit in %s", [
		input.volume.window,
		data.house.volume.window,
	]),
	"fact": "volume.window",
	"value": input.volume.window,
}) if {
	not _within
	not _counted
}

findings contains lib.finding("house-subjects-limit", {
	"message": "how many people's data this employer has had cannot be told now, and a limit of the house needs it",
	"fact": "volume.available",
	"value": input.volume.available,
}) if {
	not _countable
}
