# METADATA
# title: Personal Data Protection Law (Viet Nam)
# description: |
#   Law 91/2025/QH15: transfers abroad, and access from abroad to data that lies there.
package law.vn

import data.regimes.vn
import data.sekisho.lib
import data.sekisho.transfers

# METADATA
# title: "Transfers out of Viet Nam have an impact dossier"
# description: |
#   Needs employer.chain, location, principal.residence and agreements (a certification of scheme vn_dossier). A transfer is
#   lawful while the sixty days for its dossier run, and when they began nobody here knows: decided and counted, not
#   acted on.
# scope: rule
# custom:
#   id: vn-pdpl-dossier
#   layer: law
#   citation: "Law 91/2025/QH15; Decree 356/2025"
#   effective_from: 2026-01-01
#   mode: shadow
passed contains "vn-pdpl-dossier" if _lawful

_lawful if not _leaving

_lawful if count(_unlawful) == 0

# The controller or the data is there: what a controller elsewhere does with its own data is not exported from there.
_leaving if {
	transfers.concerned("vn")
	transfers.leaves(vn.home)
}

_unlawful contains recipient if {
	_leaving
	some recipient in transfers.outside(vn.home)
	not _carried(recipient)
}

_carried(recipient) if transfers.safeguarded(vn.dossier, recipient)

# METADATA
# title: Findings
# description: What this pack has to say, one entry for each fact that failed.
# scope: document
findings contains lib.finding("vn-pdpl-dossier", {
	"message": sprintf("%s: data of people in Viet Nam goes abroad, and no impact dossier is recorded", [recipient.what]),
	"fact": recipient.fact,
	"value": recipient.country,
	"remedy": "file the dossier within 60 days of the first transfer, and record it in the registry",
}) if {
	some recipient in _unlawful
}
