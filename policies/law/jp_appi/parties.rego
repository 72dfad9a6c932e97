# Who is a third party, and what provision to one may rest on; the other files of the package have the rules.
package law.jp_appi

import data.regimes.jp
import data.sekisho.facts
import data.sekisho.lib

_japanese if {
	input.data.about_people == true
	_people_in_japan
}

_people_in_japan if "JP" in input.data.subject_countries

_not_japanese if input.data.about_people == false

_not_japanese if {
	count(input.data.subject_countries) > 0
	not _people_in_japan
}

# Entities of the employer chain that are not the controller's own legal person (P0). One whose country nobody recorded
# counts as abroad.
_parties contains i if {
	some i, link in input.employer.chain
	link.hop >= 1
	not _own(link)
}

_own(link) if {
	input.employer.same_legal_entity == true
	link.entity == input.employer.entity
}

_abroad contains i if {
	some i in _parties
	link := input.employer.chain[i]
	link.country != "JP"
	not "jp_business_operator" in link.designations
}

# A third party that nobody knows may be one abroad.
_party_known if {
	input.employer.known == true
	count(input.employer.chain) > 0
}

# P0b: a provider that stores the data and does not handle it is provided nothing. Reading it would be handling it.
_not_handling(link) if {
	count(facts.data_types) == 0
	some agreement in input.agreements
	agreement.kind == "no_handling"
	agreement.entity == link.entity
	agreement.access_control == true
}

# P1: designated countries; the registry may add one, strike one off, or leave data types out.
_designated(link) if {
	link.country in jp.designated_countries
	not link.country in _excepted
}

_designated(link) if {
	some entry in input.adequacy
	entry.regime == "jp"
	entry.accepted == true
	entry.country == link.country
	not link.country in _excepted
}

_excepted contains entry.country if {
	some entry in input.adequacy
	entry.regime == "jp"
	entry.accepted == false
}

_excepted contains entry.country if {
	some entry in input.adequacy
	entry.regime == "jp"
	some key in entry.excluded_data_types
	some data_type in facts.told_types
	lib.same_branch(key, data_type)
}

# P2: systems equivalent to what the law asks of operators in Japan, for every data type touched.
_systems(link) := {i |
	some i, agreement in input.agreements
	agreement.entity == link.entity
	_system(agreement)
	count({data_type | some data_type in facts.told_types; not lib.agreed(agreement, data_type)}) == 0
}

_system(agreement) if agreement.kind in jp.equivalent_system.kinds

_system(agreement) if {
	agreement.kind == "certification"
	agreement.scheme in jp.equivalent_system.schemes
}

# P3: consent of people in Japan to a notice, once they were told what the law asks for.
_consented_to(link, consents) if {
	notices := {consent.notice | some consent in consents}
	told := [disclosure | some disclosure in lib.consented(input.disclosures); disclosure.notice in notices]
	count(lib.undisclosed(told, link.country, link.entity, facts.told_types)) == 0
}

_given := [consent |
	some consent in _japanese_consents
	consent.status == "given"
	_informed(consent)
]

_given_by_some := [consent |
	some consent in _japanese_consents
	consent.status == "given_by_some"
	_informed(consent)
]

_japanese_consents := [consent | some consent in input.consents; consent.subject_country == "JP"]

_informed(consent) if count({word | some word in jp.consent.informed; not word in consent.informed}) == 0

# P3b: the country could not be named when they were asked; it is among the candidates they were told of.
_informed(consent) if {
	count({word | some word in jp.consent.informed_of_unknown_country; not word in consent.informed}) == 0
}

# Consent person by person holds for the rows that its filter leaves, at every relation with rows of people in Japan.
_row_filters(link) := {consent.row_filter |
	some consent in _given_by_some
	_fits_everywhere(consent.row_filter)
	_consented_to(link, [consent])
}

_fits_everywhere(name) if {
	count(_rows_of_people) > 0
	count(_undescribed) == 0
	count({relation.relation | some relation in _rows_of_people; not name in relation.row_filters}) == 0
}

_rows_of_people contains relation if {
	some relation in input.data.relations
	relation.about_people == true
	_may_be_japanese(relation)
}

_may_be_japanese(relation) if "JP" in relation.subject_countries

_may_be_japanese(relation) if relation.subject_known == false

_undescribed contains name if {
	some name in input.statement.relations
	not name in {relation.relation | some relation in input.data.relations}
}

# P4: the cases of Art. 27(1), which a contract of the party claims.
_excepted_by_law(link) if {
	some contract in input.employer.contracts
	contract.id == link.contract
	some exemption in contract.exemptions
	exemption in jp.art_27_1
}

# What does not need anybody's consent, but for systems, which Art. 28(3) has more to say about.
_without_consent(link) if _not_handling(link)

_without_consent(link) if _designated(link)

_without_consent(link) if _excepted_by_law(link)
