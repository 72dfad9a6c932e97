# METADATA
# title: General Data Protection Regulation (European Union)
# description: |
#   Chapter V: transfers of data about people in the EEA to third countries, whoever the controller is (Art. 3). Remote
#   reading is a transfer (EDPB Guidelines 05/2021); the controller's own people on a trip are none (example 5 there).
package law.eu_gdpr

import data.regimes.eu
import data.sekisho.lib
import data.sekisho.transfers

# METADATA
# title: "Transfers to third countries"
# description: |
#   Needs employer.chain, location, principal.residence, adequacy, agreements (kind, tia_age_days, tia_outcome) and
#   consents. Lawful for each recipient are: an adequacy decision in force whose scope covers it; standard clauses or
#   binding rules whose transfer impact assessment found them effective; explicit consent after being told of the risks.
# scope: rule
# custom:
#   id: eu-gdpr-44
#   layer: law
#   citation: "GDPR Art. 44-47, 49(1)(a); EDPB Guidelines 05/2021 and Recommendations 01/2020"
#   effective_from: 2018-05-25
#   mode: enforce
#   cases: [G01, G04, G05, G08, G09]
passed contains "eu-gdpr-44" if _lawful

_lawful if not transfers.concerned("eu_gdpr")

_lawful if count(_unlawful) == 0

_third := transfers.outside(eu.home)

_unlawful contains recipient if {
	transfers.concerned("eu_gdpr")
	some recipient in _third
	not _carried(recipient)
}

_carried(recipient) if transfers.adequate("eu", eu.adequacy, recipient)

_carried(recipient) if transfers.safeguarded(eu.safeguards, recipient)

_carried(recipient) if {
	transfers.agreed(eu.home, eu.derogation)
	transfers.named(recipient)
}

# METADATA
# title: "Findings"
# description: What this pack has to say, one entry for each fact that failed.
# scope: document
findings contains lib.finding("eu-gdpr-44", {
	"message": sprintf("%s: a transfer to a third country that nothing carries%s", [recipient.what, _why(recipient)]),
	"fact": recipient.fact,
	"value": recipient.country,
	"remedy": sprintf(
		"standard contractual clauses with %s and a transfer impact assessment of the last %d days that found them effective",
		[recipient.name, eu.safeguards.tia_days],
	),
}) if {
	some recipient in _unlawful
}

_why(recipient) := ": the transfer impact assessment is missing, older, or did not find the clauses effective" if {
	_has_clauses(recipient)
} else := ": there is no adequacy decision for it, no safeguard with it and no explicit consent"

_has_clauses(recipient) if {
	some agreement in input.agreements
	agreement.entity == recipient.entity
	agreement.kind in object.keys(eu.safeguards.kinds)
}

# METADATA
# title: "People are told of third countries"
# description: |
#   Needs employer.chain, location, principal.residence and disclosures. Every third country that data goes to or is
#   read from is named in a notice in force, for every type touched, adequate or not.
# scope: rule
# custom:
#   id: eu-gdpr-13
#   layer: law
#   citation: "GDPR Art. 13(1)(f), 14(1)(f)"
#   effective_from: 2018-05-25
#   mode: enforce
#   cases: [G03]
passed contains "eu-gdpr-13" if _told

_told if not transfers.concerned("eu_gdpr")

_told if count(_untold) == 0

_untold contains recipient if {
	transfers.concerned("eu_gdpr")
	some recipient in _third
	not transfers.named(recipient)
}

findings contains lib.finding("eu-gdpr-13", {
	"message": sprintf("%s: people were not told that their data is read from %s", [recipient.what, recipient.country]),
	"fact": recipient.fact,
	"value": recipient.country,
	"remedy": sprintf("a notice in force that names %s for these data types", [recipient.country]),
}) if {
	some recipient in _untold
}

# METADATA
# title: "Orders of third countries only by treaty"
# description: |
#   Needs request (authority_country, channel). What a court or an authority of a third country orders is no ground for a
#   transfer, unless it comes by an international agreement.
# scope: rule
# custom:
#   id: eu-gdpr-48
#   layer: law
#   citation: "GDPR Art. 48"
#   effective_from: 2018-05-25
#   mode: enforce
#   cases: [G10]
passed contains "eu-gdpr-48" if _by_treaty

_by_treaty if not transfers.concerned("eu_gdpr")

_by_treaty if is_null(input.request)

_by_treaty if input.request.authority_country in eu.home

_by_treaty if input.request.channel in eu.treaty_channels

findings contains lib.finding("eu-gdpr-48", {
	"message": sprintf("an authority of %s asks directly, and not by an international agreement", [
		input.request.authority_country,
	]),
	"fact": "request.channel",
	"value": input.request.channel,
	"remedy": "have the authority ask by mutual legal assistance",
}) if {
	not _by_treaty
}
