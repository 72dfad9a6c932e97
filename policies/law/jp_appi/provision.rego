# METADATA
# title: Act on the Protection of Personal Information (Japan)
# description: |
#   Provision to third parties, abroad (Art. 28, until 2022-03-31 Art. 24) and in Japan (Art. 27), supervision of trustees
#   (Art. 25), records (Art. 29) and what is made available to people (Art. 32). Reading is provision (PPC Q&A 12-4,
#   10-24).
package law.jp_appi

import data.regimes.jp
import data.sekisho.facts
import data.sekisho.lib

# METADATA
# title: Provision to a third party in a foreign country
# description: |
#   Needs: whose data (data.subject_countries), every entity between person and controller with its country
#   (employer.chain), notices in force (disclosures), what people in Japan said to them (consents), agreements, adequacy.
#   Nothing is provided to the same legal person, to a company abroad that handles the data as a business operator in
#   Japan, or to a provider that does not handle it. Lawful for each other party abroad are: a designated country; an
#   equivalent system; a case of Art. 27(1); consent to every data type after the country was named, and its rules and
#   the recipient's measures were told. Consent that is recorded person by person holds for those people's rows only.
# scope: rule
# custom:
#   id: jp-appi-28
#   layer: law
#   citation: "APPI Art. 28(1)-(2); Enforcement Rule 17(2); PPC Q&A 10-24"
#   effective_from: 2022-04-01
#   mode: enforce
#   cases: [L01, L07, L09, L12, L15, L19, L28, A01, A02, A04, A06, A08]
passed contains "jp-appi-28" if _lawful

_lawful if _not_japanese

_lawful if {
	_party_known
	count(_unlawful) == 0
}

_unlawful contains i if {
	some i in _abroad
	link := input.employer.chain[i]
	not _path(link)
}

_path(link) if _without_consent(link)

_path(link) if count(_systems(link)) > 0

_path(link) if _consented_to(link, _given)

_path(link) if count(_row_filters(link)) > 0

# METADATA
# title: Findings
# description: What this pack has to say, one entry for each fact that failed.
# scope: document
findings contains lib.finding("jp-appi-28", {
	"message": sprintf(
		"%s (hop %d of the employer chain, %s) is a third party in a foreign country that users %s",
		[link.name, link.hop, lib.known(link.country), _why(link)],
	),
	"fact": sprintf("employer.chain[%d].country", [i]),
	"value": link.country,
	"remedy": sprintf(
		"consent to a notice that names %s, or an equivalent-system agreement with %s checked within %d days",
		[lib.known(link.country), link.name, jp.equivalent_system.max_check_age_days],
	),
}) if {
	_japanese
	some i in _unlawful
	link := input.employer.chain[i]
	not _named_with_consent(link)
}

findings contains lib.finding("jp-appi-28", {
	"message": sprintf(
		"%s (hop %d of the employer chain, %s) is a third party in a foreign country, and %s",
		[link.name, link.hop, lib.known(link.country), said],
	),
	"fact": fact,
	"value": value,
	"remedy": "consent of people in Japan to the notice in force, after they were told what Enforcement Rule 17 asks for",
}) if {
	_japanese
	some i in _unlawful
	link := input.employer.chain[i]
	_named_with_consent(link)
	some [said, fact, value] in _lacking
}

findings contains lib.finding("jp-appi-28", {
	"message": "who employs this person is not known: nobody can say whether it is a third party in a foreign country",
	"fact": "employer.known",
	"value": input.employer.known,
	"remedy": "an entry in the registry of people, by whoever answers for this person",
}) if {
	_japanese
	not _party_known
}

# The notice names the country, for consent, and every data type.
_named_with_consent(link) if {
	count(lib.undisclosed(lib.consented(input.disclosures), link.country, link.entity, facts.told_types)) == 0
}

_named(link) if {
	some disclosure in input.disclosures
	disclosure.country == link.country
}

_why(link) := sprintf("were not told of: %s is not named in the notice in force", [lib.known(link.country)]) if {
	not _named(link)
} else := sprintf("did not consent to for %s: %s is named in the notice in force, but not for this", [
	lib.list(lib.undisclosed(lib.consented(input.disclosures), link.country, link.entity, facts.told_types)),
	link.country,
])

# What consents lack, where the notices do not.
_lacking contains [sprintf("consent to %s is %s", [consent.notice, consent.status]), fact, consent.status] if {
	some i, consent in input.consents
	consent.subject_country == "JP"
	consent.status in {"withdrawn", "expired"}
	fact := sprintf("consents[%d].status", [i])
}

_lacking contains [said, sprintf("consents[%d].informed", [i]), consent.informed] if {
	some i, consent in input.consents
	consent.subject_country == "JP"
	consent.status in {"given", "given_by_some"}
	not _informed(consent)
	missing := {word | some word in jp.consent.informed; not word in consent.informed}
	said := sprintf("people were not told of %s before they consented to %s", [lib.list(missing), consent.notice])
}

_lacking contains [said, sprintf("consents[%d].row_filter", [i]), consent.row_filter] if {
	some i, consent in input.consents
	consent.subject_country == "JP"
	consent.status == "given_by_some"
	_informed(consent)
	said := sprintf("consent to %s is recorded person by person, and no row filter fits all that is read", [consent.notice])
}

_lacking contains ["nobody recorded that people in Japan consented", "consents", []] if count(_japanese_consents) == 0

_lacking contains ["people in Japan did not consent to the notice that names it", "consents", notices] if {
	count(_given) > 0
	notices := sort({consent.notice | some consent in _given})
}

# METADATA
# title: Obligations
# description: Row filters, where only some people consented.
# scope: document
obligations contains {
	"rule": "jp-appi-28",
	"kind": "row_filter",
	"relation": relation.relation,
	"predicate": name,
} if {
	_japanese
	some name in _filters_owed
	some relation in _rows_of_people
}

_filters_owed contains min(_row_filters(link)) if {
	some i in _abroad
	link := input.employer.chain[i]
	not _without_consent(link)
	not _consented_to(link, _given)
	count(_kept_systems(link)) == 0
	count(_row_filters(link)) > 0
}

# METADATA
# title: Equivalent systems are looked after
# description: |
#   Needs agreements with the age of their last check and the risk of the other side's law. Where nothing but an
#   equivalent system allows the provision, somebody checked it within a year, and foreign law does not make it void:
#   where that cannot be secured, provision stops.
# scope: rule
# custom:
#   id: jp-appi-28-3
#   layer: law
#   citation: "APPI Art. 28(3); Enforcement Rule 18(1)"
#   effective_from: 2022-04-01
#   mode: enforce
#   cases: [L03, L04, L36, A08]
passed contains "jp-appi-28-3" if _looked_after

_looked_after if _not_japanese

# Who is not known at all is for jp-appi-28 to say.
_looked_after if input.employer.known == false

_looked_after if {
	is_array(input.employer.chain)
	count(_unchecked) == 0
}

# Position in the chain, and of the agreement.
_unchecked contains [i, j] if {
	_japanese
	some i in _abroad
	link := input.employer.chain[i]
	not _without_consent(link)
	not _consented_to(link, _given)
	count(_row_filters(link)) == 0
	count(_kept_systems(link)) == 0
	some j in _systems(link)
}

_kept_systems(link) := {i |
	some i in _systems(link)
	agreement := input.agreements[i]
	_checked(agreement)
	_secured(agreement)
}

_checked(agreement) if {
	is_number(agreement.last_check_age_days)
	agreement.last_check_age_days >= 0
	agreement.last_check_age_days <= jp.equivalent_system.max_check_age_days
}

_secured(agreement) if agreement.foreign_law_risk in jp.equivalent_system.accepted_foreign_law_risks

findings contains lib.finding("jp-appi-28-3", {
	"message": sprintf("the equivalent system of %s (%s, hop %d of the employer chain) was %s", [
		link.name,
		agreement.id,
		link.hop,
		_last_check(agreement),
	]),
	"fact": sprintf("agreements[%d].last_check_age_days", [j]),
	"value": agreement.last_check_age_days,
	"remedy": sprintf("a check of %s, once in %d days", [link.name, jp.equivalent_system.max_check_age_days]),
}) if {
	some [i, j] in _unchecked
	link := input.employer.chain[i]
	agreement := input.agreements[j]
	not _checked(agreement)
}

_last_check(agreement) := sprintf("last checked %d days ago", [agreement.last_check_age_days]) if {
	is_number(agreement.last_check_age_days)
} else := "never checked"

findings contains lib.finding("jp-appi-28-3", {
	"message": sprintf("the law of %s makes the equivalent system of %s (%s) void: what cannot be secured is not provided", [
		lib.known(link.country),
		link.name,
		agreement.id,
	]),
	"fact": sprintf("agreements[%d].foreign_law_risk", [j]),
	"value": agreement.foreign_law_risk,
	"remedy": "none while that law stands: provision stops",
}) if {
	some [i, j] in _unchecked
	link := input.employer.chain[i]
	agreement := input.agreements[j]
	not _secured(agreement)
}
