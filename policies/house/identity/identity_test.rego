package house.identity_test

import data.house.identity
import data.sekisho
import data.sekisho.fixtures_test as fx

_issuers := {"line-jp": ["https://id.line.example"]}

test_trusted_issuer_passes_its_own if {
	"house-trusted-issuer" in identity.passed with input as fx.reader with data.house.identity.issuers as _issuers
}

test_trusted_issuer_passes_who_lists_none if "house-trusted-issuer" in identity.passed with input as fx.unknown

test_trusted_issuer_passes_data_about_nobody if {
	"house-trusted-issuer" in identity.passed with input as fx.nobody with data.house.identity.issuers as {"line-jp": []}
}

test_trusted_issuer_denies_the_parents if {
	not "house-trusted-issuer" in identity.passed with input as fx.unknown with data.house.identity.issuers as _issuers
	facts := {f.fact | some f in identity.findings} with input as fx.unknown with data.house.identity.issuers as _issuers
	facts == {"principal.issuer"}
}

test_trusted_issuer_denied_without_issuer if {
	sekisho.decision.effect == "deny" with input as fx.without(fx.reader, "principal/issuer")
}
