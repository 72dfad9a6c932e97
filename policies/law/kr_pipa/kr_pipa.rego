# METADATA
# title: Personal Information Protection Act (Korea)
# description: |
#   Art. 28-8: giving, entrusting and storing abroad; letting somebody abroad look is giving.
package law.kr_pipa

import data.regimes.kr
import data.sekisho.lib
import data.sekisho.transfers

# METADATA
# title: "Transfers out of Korea"
# description: |
#   Needs employer.chain, employer.contracts (transaction), location, principal.residence, disclosures, consents,
#   agreements and adequacy. Lawful for each recipient are: separate consent; entrustment that a contract needs and the
#   policy tells of; a certified recipient; a country the PIPC found equivalent. A country the registry does not accept
#   (an order under Art. 28-9) carries nothing.
# scope: rule
# custom:
#   id: kr-pipa-28-8
#   layer: law
#   citation: "PIPA Art. 28-8, 28-9"
#   effective_from: 2023-09-15
#   mode: enforce
#   cases: [X01]
passed contains "kr-pipa-28-8" if _lawful

_lawful if not _leaving

_lawful if count(_unlawful) == 0

# The controller or the data is there: what a controller elsewhere does with its own data is not exported from there.
_leaving if {
	transfers.concerned("kr_pipa")
	transfers.leaves(kr.home)
}

_unlawful contains recipient if {
	_leaving
	some recipient in transfers.outside(kr.home)
	not _carried(recipient)
}

_carried(recipient) if transfers.adequate("kr", kr.adequacy, recipient)

_carried(recipient) if {
	not transfers.taken("kr", recipient)
	transfers.safeguarded(kr.safeguards, recipient)
}

_carried(recipient) if {
	not transfers.taken("kr", recipient)
	transfers.agreed(kr.home, kr.consent)
	transfers.named(recipient)
}

_carried(recipient) if {
	not transfers.taken("kr", recipient)
	_entrusted(recipient)
	transfers.named(recipient)
}

_entrusted(recipient) if {
	some link in input.employer.chain
	link.entity == recipient.entity
	some contract in input.employer.contracts
	contract.id == link.contract
	contract.transaction == "vendor"
}

# METADATA
# title: Findings
# description: What this pack has to say, one entry for each fact that failed.
# scope: document
findings contains lib.finding("kr-pipa-28-8", {
	"message": sprintf("%s: data of people in Korea goes abroad, and nothing carries it", [recipient.what]),
	"fact": recipient.fact,
	"value": recipient.country,
	"remedy": "separate consent to a notice that names the recipient, or entrustment by contract that the policy tells of",
}) if {
	some recipient in _unlawful
}
