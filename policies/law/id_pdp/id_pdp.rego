# METADATA
# title: Personal Data Protection Law (Indonesia)
# description: |
#   Art. 56: first a country of equal protection, then binding safeguards, then consent.
package law.id_pdp

import data.regimes.id
import data.sekisho.lib
import data.sekisho.transfers

# METADATA
# title: "Transfers out of Indonesia"
# description: |
#   Needs employer.chain, location, principal.residence, disclosures, consents, agreements and adequacy.
# scope: rule
# custom:
#   id: id-pdp-56
#   layer: law
#   citation: "PDP Law 27/2022 Art. 56"
#   effective_from: 2024-10-17
#   mode: enforce
passed contains "id-pdp-56" if _lawful

_lawful if not _leaving

_lawful if count(_unlawful) == 0

# The controller or the data is there: what a controller elsewhere does with its own data is not exported from there.
_leaving if {
	transfers.concerned("id_pdp")
	transfers.leaves(id.home)
}

_unlawful contains recipient if {
	_leaving
	some recipient in transfers.outside(id.home)
	not _carried(recipient)
}

_carried(recipient) if transfers.adequate("id", [], recipient)

_carried(recipient) if transfers.safeguarded(id.safeguards, recipient)

_carried(recipient) if {
	transfers.agreed(id.home, id.consent)
	transfers.named(recipient)
}

# METADATA
# title: Findings
# description: What this pack has to say, one entry for each fact that failed.
# scope: document
findings contains lib.finding("id-pdp-56", {
	"message": sprintf("%s: data of people in Indonesia goes abroad, and nothing carries it", [recipient.what]),
	"fact": recipient.fact,
	"value": recipient.country,
	"remedy": "binding safeguards agreed with the recipient, or consent to a notice that names it",
}) if {
	some recipient in _unlawful
}

# METADATA
# title: "Systems of public bodies lie in Indonesia"
# description: |
#   Needs the controller's designations and the storage countries.
# scope: rule
# custom:
#   id: id-gr71
#   layer: law
#   citation: "GR 71/2019"
#   effective_from: 2019-10-10
#   mode: enforce
passed contains "id-gr71" if _lies_there

_lies_there if not transfers.concerned("id_pdp")

_lies_there if not _public

_lies_there if {
	count(input.data.storage_countries) > 0
	every country in input.data.storage_countries {
		country in id.home
	}
}

_public if {
	some designation in input.datasource.controller.designations
	designation in id.public_designations
}

findings contains lib.finding("id-gr71", {
	"message": "the system of a public body of Indonesia lies abroad",
	"fact": "data.storage_countries",
	"value": input.data.storage_countries,
	"remedy": "a system that lies in Indonesia",
}) if {
	not _lies_there
}
