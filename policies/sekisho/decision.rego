# METADATA
# title: Decision
# description: |
#   The one answer to one request: about a statement, or about reading the record. A rule has passed only where its pack
#   says so by name; whatever is in force and has not passed denies, so a rule whose finding was lost to an undefined
#   value denies too.
package sekisho

import data.house.volume
import data.sekisho.facts
import data.sekisho.lib
import data.sekisho.shape

# METADATA
# title: Decision
# description: |
#   Effect, obligations, findings, for how long and how many rows the answer holds, and how many people's data may go out.
#
#   A pack that bounds how many people's (or devices') data one employer may get says so in its `limits`, a set of
#   {"rule": id, "data_types": [keys], "subject_country": "US", "unit": "person" or "device", "window": "P12M" or "year",
#   "max": n}: within the rolling twelve months, or since 1 January (UTC), at most n distinct ones in all of these data
#   types and what is below them. Of several for the same, the smallest counts. The gateway reserves what is left before
#   the statement is run and makes it the statement's row limit; where nothing is left it asks once more, with the counts
#   as they are by then, and denies where the rule again says no more than a limit. Limits of shadow rules are counted
#   and bind nobody. policies/README.md has an example.
# entrypoint: true
decision := _malformed if count(shape.broken) > 0

decision := _judged if count(shape.broken) == 0

# An input that is not what the schema says is denied before any pack looks at it.
_malformed := {
	"effect": "deny",
	"obligations": [],
	"findings": [object.union(f, {
		"layer": "house",
		"mode": "enforce",
		"citation": data.sekisho.shape.rules["house-input-complete"].citation,
	}) |
		some f in sort(shape.findings)
	],
	"cross_border": true,
	"durability": "synced",
	"valid_until": null,
	"headroom": 0,
	"limits": [],
}

_judged := {
	"effect": _effect,
	"obligations": _obligations,
	"findings": [entry[4] | some entry in sort(_ranked)],
	"cross_border": facts.cross_border,
	"durability": _durability,
	"valid_until": _valid_until,
	"headroom": _headroom,
	"limits": _bounds,
}

# Packs that are asked: data.sekisho.packs says which there are, and a datasource's entry there adds and leaves out.
# A pack is about statements unless its entry names another action; of those that are, none is asked about anything else.

_asked_law contains name if {
	input.action == "statement"
	input.data.about_people == true
	some name, pack in data.sekisho.packs.law
	_concerns(pack)
	not sprintf("law/%s", [name]) in _left_out
}

_asked_promise contains name if {
	input.action == "statement"
	some name, pack in data.sekisho.packs.promise
	_chosen(sprintf("promise/%s", [name]), pack)
}

_asked_house contains name if {
	some name, pack in data.sekisho.packs.house
	_chosen(sprintf("house/%s", [name]), pack)
}

_concerns(pack) if {
	some country in input.data.subject_countries
	country in pack.subject_countries
}

_concerns(pack) if {
	some country in input.data.storage_countries
	country in pack.storage_countries
}

_chosen(id, pack) if {
	_about(pack)
	not pack.chosen
	not id in _left_out
	_occasioned(pack)
}

_chosen(id, pack) if {
	_about(pack)
	pack.chosen == true
	id in _added
	_occasioned(pack)
}

_about(pack) if {
	input.action == "statement"
	not pack.action
}

_about(pack) if {
	input.action != "statement"
	pack.action == input.action
}

_occasioned(pack) if not pack.with_request

_occasioned(pack) if {
	pack.with_request == true
	is_object(input.request)
}

_left_out contains id if some id in data.sekisho.packs.datasources[input.datasource.id].without

_added contains id if some id in data.sekisho.packs.datasources[input.datasource.id].also

_rules := object.union_n(array.concat(
	array.concat([data.sekisho.shape.rules], [data.law[name].rules | some name in _asked_law]),
	array.concat(
		[data.promise[name].rules | some name in _asked_promise],
		[data.house[name].rules | some name in _asked_house],
	),
))

# What each pack says, of its own rules only: no pack passes, blames or lightens another's.

_passed contains id if some id in shape.passed

_passed contains id if {
	some name in _asked_law
	some id in data.law[name].passed
	data.law[name].rules[id]
}

_passed contains id if {
	some name in _asked_promise
	some id in data.promise[name].passed
	data.promise[name].rules[id]
}

_passed contains id if {
	some name in _asked_house
	some id in data.house[name].passed
	data.house[name].rules[id]
}

_said contains finding if some finding in shape.findings

_said contains finding if {
	some name in _asked_law
	some finding in data.law[name].findings
	data.law[name].rules[finding.rule]
}

_said contains finding if {
	some name in _asked_promise
	some finding in data.promise[name].findings
	data.promise[name].rules[finding.rule]
}

_said contains finding if {
	some name in _asked_house
	some finding in data.house[name].findings
	data.house[name].rules[finding.rule]
}

_wanted contains obligation if {
	some name in _asked_law
	some obligation in data.law[name].obligations
	data.law[name].rules[obligation.rule]
}

_wanted contains obligation if {
	some name in _asked_promise
	some obligation in data.promise[name].obligations
	data.promise[name].rules[obligation.rule]
}

_wanted contains obligation if {
	some name in _asked_house
	some obligation in data.house[name].obligations
	data.house[name].rules[obligation.rule]
}

_limited contains limit if {
	some name in _asked_law
	some limit in data.law[name].limits
	data.law[name].rules[limit.rule]
}

_limited contains limit if {
	some name in _asked_promise
	some limit in data.promise[name].limits
	data.promise[name].rules[limit.rule]
}

_limited contains limit if {
	some name in _asked_house
	some limit in data.house[name].limits
	data.house[name].rules[limit.rule]
}

# By the UTC day; `effective_to` is the first day a rule no longer is in force.
_in_force := {id | some id, row in _rules; row.effective_from <= input.date} - _ended

_ended contains id if {
	some id, row in _rules
	is_string(row.effective_to)
	row.effective_to <= input.date
}

_shadow contains id if {
	some id, row in _rules
	row.mode == "shadow"
}

_failed := _in_force - _passed

default _effect := "deny"

_effect := "allow" if {
	count(_asked_house) > 0
	count(_failed - _shadow) == 0
}

# Findings of rules that denied, and only of those; a rule that denied without a word gets one.

_spoken contains f.rule if some f in _said

_findings contains f if {
	some f in _said
	f.rule in _failed
}

_findings contains lib.finding(id, {
	"message": "the rule could not be established from the facts given, and what is not established is denied",
	"fact": "input",
	"value": null,
}) if {
	some id in _failed
	not id in _spoken
}

_layer_rank := {"law": 1, "promise": 2, "house": 3}

_ranked contains [lib.flag(f.rule in _shadow), _layer_rank[row.layer], row.order, f.fact, said] if {
	some f in _findings
	row := _rules[f.rule]
	said := object.union(f, {"layer": row.layer, "mode": _mode(f.rule, _shadow), "citation": row.citation})
}

_mode(id, shadow) := "shadow" if {
	id in shadow
} else := "enforce"

# Obligations of enforced rules: the strictest mask of a column, the smallest limit, every filter.

_binding contains o if {
	some o in _wanted
	o.rule in _in_force
	not o.rule in _shadow
}

default _obligations := []

_obligations := sort(((_masks | _limits) | _others)) if _effect == "allow"

_masks contains {"kind": "mask", "relation": mask[0], "column": mask[1], "method": mask[2]} if {
	count(_asked_masks) == count(_masked)
	some mask in _asked_masks
}

# Only where rules differ over a column is each looked up among all: there may be hundreds.
_masks contains {"kind": "mask", "relation": place[0], "column": place[1], "method": _strictest(methods)} if {
	count(_asked_masks) > count(_masked)
	some place in _masked
	methods := {mask[2] | some mask in _asked_masks; mask[0] == place[0]; mask[1] == place[1]}
}

_asked_masks := {[o.relation, o.column, o.method] | some o in _binding; o.kind == "mask"}

_masked := {[mask[0], mask[1]] | some mask in _asked_masks}

# A method this list does not know ranks above all: it stays, and no door supports it.
_strength := {"domain": 1, "partial": 2, "bucket": 3, "year": 4, "hash": 5, "constant": 6, "null": 7}

_strictest(methods) := max({[object.get(_strength, method, 99), method] | some method in methods})[1]

_limits contains {"kind": "row_limit", "rows": min(rows)} if {
	rows := {object.get(o, "rows", 0) | some o in _binding; o.kind == "row_limit"}
	count(rows) > 0
}

_others contains object.remove(o, {"rule"}) if {
	some o in _binding
	not o.kind in {"mask", "row_limit"}
}

# On disk before the answer, unless nothing about people, no border, no denial and no write is involved.
default _durability := "synced"

_durability := "written" if {
	_effect == "allow"
	input.data.about_people == false
	facts.cross_border == false
	input.statement.effect != "write"
}

# The next day on which a rule begins or ends to be in force.
default _valid_until := null

_valid_until := sprintf("%sT00:00:00Z", [min(_turns)]) if count(_turns) > 0

_turns contains day if {
	some row in _rules
	some day in [row.effective_from, row.effective_to]
	is_string(day)
	day > input.date
}

# How many more rows the answer may cover. None left where nobody could say.
default _headroom := 0

_headroom := null if input.data.about_people == false

_headroom := null if input.action == "audit.read"

_headroom := volume.headroom if input.data.about_people == true

# What may go out in all: of the limits for the same data, country, unit and window, the smallest.
default _bounds := []

_bounds := sort(_smallest) if _effect == "allow"

_smallest contains object.union(key, {"max": min(most)}) if {
	some [key, _] in _counted
	most := {n | some [other, n] in _counted; other == key}
}

_counted contains [key, object.get(l, "max", 0)] if {
	some l in _limited
	l.rule in _in_force
	key := {
		"data_types": sort({data_type | some data_type in l.data_types}),
		"subject_country": l.subject_country,
		"unit": l.unit,
		"window": l.window,
		"mode": _mode(l.rule, _shadow),
	}
}
