package law.kr_pipa_test

import data.law.kr_pipa
import data.sekisho
import data.sekisho.fixtures_test as fx

# The Korean affiliate reads payments of a controller in KR.
_reader := fx.set(fx.korean, {
	"/datasource/controller/country": "KR",
	"/data/subject_countries": ["KR"],
	"/data/storage_countries": ["KR"],
})

_agreement(kind, scheme) := {
	"id": "a",
	"kind": kind,
	"entity": "line-plus",
	"last_check_age_days": 10,
	"foreign_law_risk": "none",
	"data_types": [],
	"scheme": scheme,
	"tia_age_days": null,
	"tia_outcome": null,
	"onward_ban": false,
	"access_control": null,
}

_consent := {
	"notice": "n",
	"subject_country": "KR",
	"status": "given",
	"separate": true,
	"informed": ["inadequate"],
	"row_filter": null,
}

_entry(country, accepted) := {
	"regime": "kr",
	"country": country,
	"accepted": accepted,
	"scope": "",
	"excluded_data_types": [],
	"citation": "registry",
}

_passed(document) := passed if {
	passed := kr_pipa.passed with input as document
}

_facts(document) := facts if {
	facts := {[f.rule, f.fact] | some f in kr_pipa.findings} with input as document
}

test_all_pass_nobody_and_people_elsewhere if {
	"kr-pipa-28-8" in _passed(fx.nobody)
	"kr-pipa-28-8" in _passed(fx.affiliate)
}

# Of Korea itself nobody is abroad: the reader sits in China.
_abroad := fx.set(fx.affiliate, {
	"/datasource/controller/country": "KR",
	"/data/subject_countries": ["KR"],
	"/data/storage_countries": ["KR"],
})

_told := {"/disclosures": [{"notice": "n", "country": "CN", "entities": [], "data_types": ["user"], "consent": false}]}

test_28_8_passes_a_reader_in_korea if "kr-pipa-28-8" in _passed(_reader)

test_28_8_denies_what_nothing_carries if {
	not "kr-pipa-28-8" in _passed(_abroad)
	_facts(_abroad) == {
		["kr-pipa-28-8", "employer.chain[1].country"],
	}
}

test_28_8_passes_separate_consent if {
	"kr-pipa-28-8" in _passed(fx.set(_abroad, object.union(_told, {"/consents": [_consent]})))
	not "kr-pipa-28-8" in _passed(fx.set(_abroad, {"/consents": [_consent]}))
}

test_28_8_passes_a_certified_recipient_and_an_equivalent_country if {
	certified := object.union(_agreement("certification", "isms_p"), {"entity": "line-cn"})
	"kr-pipa-28-8" in _passed(fx.set(_abroad, {"/agreements": [certified]}))
	french := {
		"/employer/chain/1/country": "FR",
		"/employer/country": "FR",
		"/location/countries": ["FR"],
		"/principal/residence": "FR",
	}
	"kr-pipa-28-8" in _passed(fx.set(_abroad, french))
	not "kr-pipa-28-8" in _passed(fx.set(fx.set(_abroad, french), {"/data/data_types": ["user.financial"]}))
}

test_28_8_passes_entrustment_that_is_told_of if {
	entrusted := fx.set(fx.subcontractor, object.union(_told, {
		"/datasource/controller/country": "KR",
		"/data/subject_countries": ["KR"],
		"/data/storage_countries": ["KR"],
		"/employer/chain/1/country": "KR",
	}))
	"kr-pipa-28-8" in _passed(entrusted)
	not "kr-pipa-28-8" in _passed(fx.set(entrusted, {"/adequacy": [_entry("CN", false)]}))
	not "kr-pipa-28-8" in _passed(fx.set(entrusted, {"/employer/contracts/1/transaction": "none"}))
}

test_28_8_denied_without_consents if sekisho.decision.effect == "deny" with input as fx.without(_abroad, "consents")

test_28_8_denied_without_disclosures if {
	sekisho.decision.effect == "deny" with input as fx.without(_reader, "disclosures")
}
