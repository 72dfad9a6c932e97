# METADATA
# title: Who reads the record
# description: |
#   The record says who asked for whose data from where: it is personal data too, and asking it is a decision
#   (`action: audit.read`). Nobody reads it unless they are named, and of nobody but those they are named for.
package house.record_readers

import data.sekisho.lib

# METADATA
# title: "The record is read by those who are named for it"
# description: |
#   Needs principal.issuer, principal.asserted_by (nobody's), principal.groups or employer.groups, reading.what and
#   reading.entity, and for `own` the employer as the registry attests it. A block stops this too.
# scope: rule
# custom:
#   id: house-record-readers
#   layer: house
#   citation: "House policy, after the PPC guidance of 2021-04-23, point 2: the record is personal data too"
#   effective_from: 1970-01-01
#   mode: enforce
passed contains "house-record-readers" if _may_read

_may_read if {
	_unblocked
	some entry in _named
	_covers(entry)
}

_may_read if {
	_unblocked
	is_null(input.principal.asserted_by) # or a caller would learn of anybody what only they may ask
	is_string(input.reading.principal)
	input.reading.principal == input.principal.id
	input.reading.what in data.house.record_readers.of_themselves
}

_unblocked if {
	input.employer.blocked == false
	is_null(input.employer.blocked_by)
}

# The entries that name this person for this kind of reading.
_named contains entry if {
	is_null(input.principal.asserted_by) # whose word it is that they are an auditor could be anybody's
	some entry in data.house.record_readers.readers
	entry.issuer == input.principal.issuer
	input.reading.what in entry.what
	some group in entry.groups
	group in _groups
}

_groups contains group if some group in input.principal.groups

_groups contains group if some group in input.employer.groups

_covers(entry) if entry.entities == "all"

_covers(entry) if {
	entry.entities == "own"
	_employed
	input.reading.entity == input.employer.entity
}

_covers(entry) if {
	is_array(entry.entities)
	is_string(input.reading.entity)
	input.reading.entity in entry.entities
}

_employed if {
	input.employer.known == true
	input.employer.conflict == false
	input.employer.confidence == "attested"
	is_string(input.employer.entity)
	is_string(input.reading.entity)
}

# METADATA
# title: Findings
# description: What this pack has to say, one entry for each fact that failed.
# scope: document
findings contains lib.finding("house-record-readers", {
	"message": "this person or an entity of the employer chain is blocked, and reads nothing of the record",
	"fact": "employer.blocked_by",
	"value": input.employer.blocked_by,
	"remedy": "whoever published the block can lift it",
}) if {
	not _may_read
	not _unblocked
}

findings contains lib.finding("house-record-readers", {
	"message": "the record is not read on a caller's word: with a token or certificate of one's own only",
	"fact": "principal.asserted_by",
	"value": input.principal.asserted_by,
	"remedy": "ask with a token of your own",
}) if {
	not _may_read
	_unblocked
	is_string(input.principal.asserted_by)
}

findings contains lib.finding("house-record-readers", {
	"message": sprintf("reading the record (%s) is for those who are named for it, and this person is not", [input.reading.what]),
	"fact": "principal.groups",
	"value": sort(_groups),
	"remedy": "whoever owns the policy names a group as readers (house/record_readers)",
}) if {
	not _may_read
	_unblocked
	is_null(input.principal.asserted_by)
	count(_named) == 0
}

findings contains lib.finding("house-record-readers", {
	"message": sprintf("this person is named for reading the record (%s), but not about %s", [
		input.reading.what,
		_whom,
	]),
	"fact": "reading.entity",
	"value": input.reading.entity,
	"remedy": "ask about people of one entity that this person reads about: their own employer's, say",
}) if {
	not _may_read
	_unblocked
	count(_named) > 0
}

default _whom := "everybody"

_whom := sprintf("people of %s", [input.reading.entity]) if is_string(input.reading.entity)
