# METADATA
# title: UK GDPR
# description: |
#   Transfers of data about people in the United Kingdom to third countries. Art. 48 is not part of the UK GDPR.
package law.uk_gdpr

import data.regimes.uk
import data.sekisho.lib
import data.sekisho.transfers

# METADATA
# title: "Transfers out of the United Kingdom"
# description: |
#   Needs employer.chain, location, principal.residence, adequacy, agreements (kind, scheme, tia_age_days, tia_outcome)
#   and consents. Lawful for each recipient are: regulations that approve its country; an IDTA, binding rules, or
#   standard clauses with the UK Addendum, whose transfer risk assessment found them effective; explicit consent.
# scope: rule
# custom:
#   id: uk-gdpr-44a
#   layer: law
#   citation: "UK GDPR Art. 44A-46, 49; Data (Use and Access) Act 2025"
#   effective_from: 2021-01-01
#   mode: enforce
#   cases: [G12]
passed contains "uk-gdpr-44a" if _lawful

_lawful if not transfers.concerned("uk_gdpr")

_lawful if count(_unlawful) == 0

_third := transfers.outside(uk.home)

_unlawful contains recipient if {
	transfers.concerned("uk_gdpr")
	some recipient in _third
	not _carried(recipient)
}

_carried(recipient) if {
	recipient.country in uk.adequate_countries
	uk.adequate_countries_from <= input.date
	not transfers.taken("uk", recipient)
}

_carried(recipient) if transfers.adequate("uk", uk.adequacy, recipient)

_carried(recipient) if transfers.safeguarded(uk.safeguards, recipient)

_carried(recipient) if {
	transfers.agreed(uk.home, uk.derogation)
	transfers.named(recipient)
}

# METADATA
# title: "Findings"
# description: What this pack has to say, one entry for each fact that failed.
# scope: document
findings contains lib.finding("uk-gdpr-44a", {
	"message": sprintf("%s: a transfer out of the United Kingdom that nothing carries", [recipient.what]),
	"fact": recipient.fact,
	"value": recipient.country,
	"remedy": sprintf(
		"an international data transfer agreement with %s and a transfer risk assessment of the last %d days that found it effective",
		[recipient.name, uk.safeguards.tia_days],
	),
}) if {
	some recipient in _unlawful
}

# METADATA
# title: "People are told of third countries"
# description: |
#   Needs employer.chain, location, principal.residence and disclosures. Every third country that data goes to or is
#   read from is named in a notice in force, for every type touched.
# scope: rule
# custom:
#   id: uk-gdpr-13
#   layer: law
#   citation: "UK GDPR Art. 13(1)(f), 14(1)(f)"
#   effective_from: 2021-01-01
#   mode: enforce
passed contains "uk-gdpr-13" if _told

_told if not transfers.concerned("uk_gdpr")

_told if count(_untold) == 0

_untold contains recipient if {
	transfers.concerned("uk_gdpr")
	some recipient in _third
	not transfers.named(recipient)
}

findings contains lib.finding("uk-gdpr-13", {
	"message": sprintf("%s: people were not told that their data is read from %s", [recipient.what, recipient.country]),
	"fact": recipient.fact,
	"value": recipient.country,
	"remedy": sprintf("a notice in force that names %s for these data types", [recipient.country]),
}) if {
	some recipient in _untold
}
