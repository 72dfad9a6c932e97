# METADATA
# title: Personal Data Protection Act (Thailand)
# description: |
#   Art. 28 and 29: transfers abroad. Storage without access of anybody abroad is none.
package law.th_pdpa

import data.regimes.th
import data.sekisho.lib
import data.sekisho.transfers

# METADATA
# title: "Transfers out of Thailand"
# description: |
#   Needs employer.chain, employer.contracts (exemptions), location, principal.residence, disclosures, consents,
#   agreements and adequacy. Lawful for each recipient are: a country on the committee's list; consent after being told
#   that its standards are inadequate; clauses, binding rules or a certification; what a contract with the person needs.
# scope: rule
# custom:
#   id: th-pdpa-28
#   layer: law
#   citation: "PDPA Art. 28, 29; PDPC notifications in force from 2024-03-24"
#   effective_from: 2022-06-01
#   mode: enforce
#   cases: [X08]
passed contains "th-pdpa-28" if _lawful

_lawful if not _leaving

_lawful if count(_unlawful) == 0

# The controller or the data is there: what a controller elsewhere does with its own data is not exported from there.
_leaving if {
	transfers.concerned("th_pdpa")
	transfers.leaves(th.home)
}

_unlawful contains recipient if {
	_leaving
	some recipient in transfers.outside(th.home)
	not _carried(recipient)
}

_carried(recipient) if transfers.adequate("th", [], recipient)

_carried(recipient) if transfers.safeguarded(th.safeguards, recipient)

_carried(recipient) if transfers.exempt(th.exemptions, recipient)

_carried(recipient) if {
	transfers.agreed(th.home, th.consent)
	transfers.named(recipient)
}

# METADATA
# title: Findings
# description: What this pack has to say, one entry for each fact that failed.
# scope: document
findings contains lib.finding("th-pdpa-28", {
	"message": sprintf("%s: data of people in Thailand goes abroad, and nothing carries it", [recipient.what]),
	"fact": recipient.fact,
	"value": recipient.country,
	"remedy": "standard clauses with the recipient, or consent after saying that the standards there are inadequate",
}) if {
	some recipient in _unlawful
}
