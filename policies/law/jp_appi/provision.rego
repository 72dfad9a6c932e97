# METADATA
# title: Act on the Protection of Personal Information (Japan)
# description: Provision to a third party in a foreign country. Reading is provision (PPC Q&A 12-4, 10-24).
package law.jp_appi

import data.regimes.jp
import data.sekisho.facts
import data.sekisho.lib

# METADATA
# title: Provision to a third party in a foreign country
# description: |
#   Needs: whose data (data.subject_countries), every entity between person and controller with its country
#   (employer.chain), notices and consents in force (disclosures), equivalent-system agreements with the age of their
#   last check (agreements). Lawful for each foreign party are: a designated country; an equivalent system, checked
#   within a year, that its country's law does not make void; consent to every data type after the country was named.
# scope: rule
# custom:
#   id: jp-appi-28
#   layer: law
#   citation: "APPI Art. 28(1)-(2); Enforcement Rule 17(2); PPC Q&A 10-24"
#   effective_from: 2022-04-01
#   mode: enforce
#   cases: [L01, L02, L03, L04, L07, L09, L15]
passed contains "jp-appi-28" if _lawful

_lawful if input.data.about_people == false

_lawful if {
	input.data.about_people == true
	not "JP" in input.data.subject_countries
}

_lawful if {
	input.data.about_people == true
	count(_unlawful) == 0
}

# METADATA
# title: Foreign parties without a lawful path
# description: One finding for each such entity of the employer chain.
findings contains lib.finding("jp-appi-28", {
	"message": sprintf(
		"%s (hop %d of the employer chain, %s) is a third party in a foreign country that users %s",
		[link.name, link.hop, link.country, _why(link)],
	),
	"fact": sprintf("employer.chain[%d].country", [i]),
	"value": link.country,
	"remedy": sprintf(
		"consent to a notice that names %s, or an equivalent-system agreement with %s checked within %d days",
		[link.country, link.name, jp.equivalent_system.max_check_age_days],
	),
}) if {
	input.data.about_people == true
	"JP" in input.data.subject_countries
	some i in _unlawful
	link := input.employer.chain[i]
}

_unlawful contains i if {
	some i in facts.other_parties
	link := input.employer.chain[i]
	link.country != "JP"
	not _path(link)
}

_path(link) if link.country in jp.designated_countries

_path(link) if {
	some agreement in input.agreements
	agreement.entity == link.entity
	agreement.kind in jp.equivalent_system.kinds
	agreement.foreign_law_risk in jp.equivalent_system.accepted_foreign_law_risks
	is_number(agreement.last_check_age_days)
	agreement.last_check_age_days >= 0
	agreement.last_check_age_days <= jp.equivalent_system.max_check_age_days
}

_path(link) if {
	consented := lib.consented(input.disclosures)
	count(lib.undisclosed(consented, link.country, link.entity, facts.told_types)) == 0
}

_named(link) if {
	some disclosure in input.disclosures
	disclosure.country == link.country
}

_why(link) := sprintf("were not told of: %s is not named in the notice in force", [link.country]) if {
	not _named(link)
} else := sprintf("did not consent to for %s: %s is named in the notice in force, but not for this", [
	lib.list(lib.undisclosed(lib.consented(input.disclosures), link.country, link.entity, facts.told_types)),
	link.country,
])
