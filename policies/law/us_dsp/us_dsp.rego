# METADATA
# title: Data Security Program (USA)
# description: |
#   28 CFR Part 202: access of countries of concern and covered persons to bulk sensitive personal data of people of the
#   USA and to government-related data. Consent changes nothing here. How many people each employer has data of is
#   counted over twelve months; before a threshold is reached, a limit keeps the statement below it.
package law.us_dsp

import data.regimes.us
import data.sekisho.lib

# METADATA
# title: "No data brokerage with covered persons"
# description: |
#   Needs employer.chain, employer.held, employer.contracts (transaction), principal.residence, principal.us_person,
#   data.columns and volume.counts. Selling or licensing bulk sensitive personal data, or any government-related data,
#   to a covered person is prohibited.
# scope: rule
# custom:
#   id: us-dsp-301
#   layer: law
#   citation: "28 CFR 202.301; 202.205; 202.211; 202.214"
#   effective_from: 2025-04-08
#   mode: enforce
#   cases: [D11]
passed contains "us-dsp-301" if not _sold_to_covered

_sold_to_covered if {
	_regulated
	_brokerage
	count(_bulk) > 0
}

# METADATA
# title: "Findings"
# description: What is prohibited, one entry for each fact that makes a covered person.
# scope: document
findings contains lib.finding("us-dsp-301", {
	"message": sprintf("data brokerage of %s, and %s (28 CFR %s)", [_what(_bulk), reason.what, reason.section]),
	"fact": reason.fact,
	"value": reason.value,
	"remedy": "none: no consent and no contract makes it lawful",
}) if {
	_sold_to_covered
	some reason in _covered
}

# METADATA
# title: "Data brokerage with other foreign persons only with an onward ban"
# description: |
#   Needs employer.chain, employer.held, employer.contracts (transaction) and agreements (onward_ban). Whoever abroad
#   buys bulk data has agreed not to hand it on to a country of concern or a covered person.
# scope: rule
# custom:
#   id: us-dsp-302
#   layer: law
#   citation: "28 CFR 202.302"
#   effective_from: 2025-04-08
#   mode: enforce
#   cases: [D12]
passed contains "us-dsp-302" if not _sold_without_ban

_sold_without_ban if count(_without_ban) > 0

_without_ban contains i if {
	_unbanned
	count(_bulk) > 0
	some i in _foreign_links
	not input.employer.chain[i].entity in _banned
}

_foreign_links contains i if {
	some i, link in input.employer.chain
	link.hop >= 1
	link.country != "US"
	not i in _covered_links
}

_banned contains agreement.entity if {
	some agreement in input.agreements
	agreement.onward_ban == true
	every data_type in _touched_types {
		lib.agreed(agreement, data_type)
	}
}

findings contains lib.finding("us-dsp-302", {
	"message": sprintf("data brokerage of %s with %s (hop %d of the employer chain, %s), which has not agreed to an onward ban", [
		_what(_bulk),
		link.name,
		link.hop,
		lib.known(link.country),
	]),
	"fact": sprintf("employer.chain[%d].entity", [i]),
	"value": link.entity,
	"remedy": sprintf("an agreement with %s that bans handing the data on to covered persons", [link.name]),
}) if {
	some i in _without_ban
	link := input.employer.chain[i]
}

# METADATA
# title: "No bulk human 'omic data for covered persons"
# description: |
#   Needs the same as us-dsp-301. Human genomic and other 'omic data is prohibited in every kind of transaction.
# scope: rule
# custom:
#   id: us-dsp-303
#   layer: law
#   citation: "28 CFR 202.303; 202.401(b); 202.205(a)"
#   effective_from: 2025-04-08
#   mode: enforce
#   cases: [D10]
passed contains "us-dsp-303" if not _omic_to_covered

_omic_to_covered if {
	_regulated
	count(_bulk_omic) > 0
}

_bulk_omic contains category if {
	some category in _bulk
	category in us.omic
}

findings contains lib.finding("us-dsp-303", {
	"message": sprintf("%s, and %s (28 CFR %s)", [_what(_bulk_omic), reason.what, reason.section]),
	"fact": reason.fact,
	"value": reason.value,
	"remedy": "none: 'omic data is prohibited in every kind of transaction",
}) if {
	_omic_to_covered
	some reason in _covered
}

# METADATA
# title: "Restricted transactions show covered persons no bulk data"
# description: |
#   Needs the same as us-dsp-301. Vendor, employment and investment agreements with covered persons are lawful where
#   they cannot see the data: every column of a bulk category is masked by a method that leaves nothing. What kind of
#   transaction it is and nobody recorded is taken for one of these.
# scope: rule
# custom:
#   id: us-dsp-401
#   layer: law
#   citation: "28 CFR 202.401; 202.248; 202.205; 202.211; 202.222"
#   effective_from: 2025-04-08
#   mode: enforce
#   cases: [D01, D02, D03, D04, D05, D08, D13, D14, D15, D17, D19, D20, D21]
passed contains "us-dsp-401" if not _shown

_shown if count(_unmasked) > 0

_restricted contains category if {
	_regulated
	not _brokerage
	some category in _bulk
	not category in us.omic
}

_unmasked contains data_type if {
	some data_type in _loose_types
	count(_categories(data_type) & _restricted) > 0
}

_unmasked contains "mask" if {
	count(_restricted) > 0
	not us.mask in us.effective_masks
}

findings contains lib.finding("us-dsp-401", {
	"message": sprintf("%s, and %s (28 CFR %s): it cannot be masked here", [_what(_restricted), reason.what, reason.section]),
	"fact": reason.fact,
	"value": reason.value,
	"remedy": "a statement that leaves these columns out",
}) if {
	count(_unmasked) > 0
	some reason in _covered
}

# METADATA
# title: "Obligations"
# description: Masks on columns of bulk categories.
# scope: document
obligations contains {
	"rule": "us-dsp-401",
	"kind": "mask",
	"relation": relation,
	"column": column,
	"method": us.mask,
} if {
	count(_restricted) > 0
	some [relation, column, data_types] in _columns
	some data_type in data_types
	count(_categories(data_type) & _restricted) > 0
}

# METADATA
# title: "Limits"
# description: How many people of the USA each category may be about before a rule has more to say.
# scope: document
limits contains object.union(limit, {"rule": rule}) if {
	some [category, limit] in _bounded
	some rule in _watching(category)
}

_watching(category) := union({
	{"us-dsp-303" | category in us.omic; _regulated},
	{"us-dsp-301" | _regulated; _brokerage},
	{"us-dsp-302" | _unbanned},
	{"us-dsp-401" | _regulated; not _brokerage; not category in us.omic},
})

_unbanned if {
	_concerned
	_brokerage
	some i in _foreign_links
	not input.employer.chain[i].entity in _banned
}

_categories(data_type) := {category | category := _category(data_type)} | {"personal_identifiers" | _class(data_type)}

_what(categories) := concat(" and ", sort({sprintf("%s of people of the USA (28 CFR %s)", [said.what, said.section]) |
	some category in categories
	said := us.bulk[category]
}))
