# METADATA
# title: Digital Personal Data Protection Act (India)
# description: |
#   Section 16: transfers are free except to countries on the list of the Government.
package law.in_dpdp

import data.regimes["in"] as india
import data.sekisho.lib
import data.sekisho.transfers

# METADATA
# title: "No transfers to countries on the list of India"
# description: |
#   Needs employer.chain, location, principal.residence and adequacy. The list is data; an entry of the registry that is not
#   accepted adds a country to it.
# scope: rule
# custom:
#   id: in-dpdp-16
#   layer: law
#   citation: "DPDP Act 2023 s. 16; DPDP Rules 2025, Rule 15"
#   effective_from: 2027-05-14
#   mode: enforce
#   cases: [X07]
passed contains "in-dpdp-16" if _lawful

_lawful if not _leaving

_lawful if count(_unlawful) == 0

# The controller or the data is there: what a controller elsewhere does with its own data is not exported from there.
_leaving if {
	transfers.concerned("in_dpdp")
	transfers.leaves(india.home)
}

_unlawful contains recipient if {
	_leaving
	some recipient in transfers.outside(india.home)
	not _carried(recipient)
}

_carried(recipient) if {
	not recipient.country in india.negative_list
	not transfers.taken("in", recipient)
}

# METADATA
# title: Findings
# description: What this pack has to say, one entry for each fact that failed.
# scope: document
findings contains lib.finding("in-dpdp-16", {
	"message": sprintf("%s: data of people in India goes to a country on the list of the Government", [recipient.what]),
	"fact": recipient.fact,
	"value": recipient.country,
	"remedy": "none while the country is on the list",
}) if {
	some recipient in _unlawful
}
