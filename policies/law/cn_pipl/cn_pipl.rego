# METADATA
# title: Personal Information Protection Law (China)
# description: |
#   Exports of data about people in China by whoever holds it there, and requests of foreign authorities for anything that
#   lies there (Data Security Law Art. 36 says the same of all data).
package law.cn_pipl

import data.regimes.cn
import data.sekisho.lib
import data.sekisho.transfers

# METADATA
# title: "Exports out of China have their route"
# description: |
#   Needs employer.chain, employer.contracts (exemptions), location, principal.residence, agreements, the controller's
#   designations and volume.counts of this year. Few people and nothing sensitive: nothing; more: a standard contract or
#   certification; many, or an operator of critical infrastructure: the assessment by the CAC. Counted are people whose
#   data went to this employer: a controller with several recipients abroad has to add them up.
# scope: rule
# custom:
#   id: cn-pipl-38
#   layer: law
#   citation: "PIPL Art. 38, 40; CAC provisions of 2024-03-22"
#   effective_from: 2024-03-22
#   mode: enforce
#   cases: [P01, P02, P05]
passed contains "cn-pipl-38" if _routed

_routed if not _exporting

_routed if count(_unrouted) == 0

_exporting if {
	transfers.concerned("cn_pipl")
	transfers.leaves(cn.home)
}

_abroad contains recipient if {
	_exporting
	some recipient in transfers.outside(cn.home)
}

_unrouted contains recipient if {
	some recipient in _abroad
	not _route(recipient)
}

_route(recipient) if transfers.exempt(cn.exemptions, recipient)

_route(recipient) if transfers.safeguarded(cn.assessment, recipient)

_route(recipient) if {
	_for_contract
	transfers.safeguarded(cn.contract, recipient)
}

_route(_) if _exempt_volume

_critical if {
	some designation in input.datasource.controller.designations
	designation in cn.critical_designations
}

# People since 1 January: of any data, and of sensitive data. The entry `user` is above all types.

_people := max([entry.subjects_this_year |
	some entry in input.volume.counts
	entry.subject_country == "CN"
	entry.data_type == "user"
]) if {
	_total_known
} else := sum([entry.subjects_this_year | some entry in input.volume.counts; entry.subject_country == "CN"])

_total_known if {
	some entry in input.volume.counts
	entry.subject_country == "CN"
	entry.data_type == "user"
}

_sensitive_people := sum([entry.subjects_this_year |
	some entry in input.volume.counts
	entry.subject_country == "CN"
	entry.data_type in cn.sensitive_types
])

_sensitive if _sensitive_people > 0

_sensitive if {
	some data_type in input.data.data_types
	lib.covered(cn.sensitive_types, data_type)
}

_exempt_volume if {
	input.volume.available == true
	not _critical
	not _sensitive
	_people < cn.exempt_below
}

_for_contract if {
	input.volume.available == true
	not _critical
	_people < cn.contract_below
	_sensitive_people < cn.sensitive_contract_below
}

# METADATA
# title: Findings
# description: What this pack has to say, one entry for each fact that failed.
# scope: document
findings contains lib.finding("cn-pipl-38", {
	"message": sprintf("%s: an export out of China without %s", [recipient.what, _needed]),
	"fact": recipient.fact,
	"value": recipient.country,
	"remedy": sprintf("%s, recorded with %s in the registry", [_needed, recipient.name]),
}) if {
	some recipient in _unrouted
}

_needed := "a standard contract or a certification" if {
	_for_contract
} else := "the assessment by the CAC"

# METADATA
# title: "Exports out of China are told and agreed to by themselves"
# description: |
#   Needs employer.chain, employer.contracts (exemptions), location, principal.residence, disclosures and consents. The
#   notice names the recipient's country for every type touched, and consent to it was asked for separately, unless the
#   processing rests on another ground.
# scope: rule
# custom:
#   id: cn-pipl-39
#   layer: law
#   citation: "PIPL Art. 39"
#   effective_from: 2021-11-01
#   mode: enforce
#   cases: [P01]
passed contains "cn-pipl-39" if _agreed_to

_agreed_to if not _exporting

_agreed_to if count(_unagreed) == 0

_unagreed contains recipient if {
	some recipient in _abroad
	not _informed(recipient)
}

_informed(recipient) if {
	transfers.named(recipient)
	transfers.agreed(cn.home, {"separate": true, "informed": []})
}

_informed(recipient) if {
	transfers.named(recipient)
	transfers.exempt(cn.no_consent, recipient)
}

findings contains lib.finding("cn-pipl-39", {
	"message": sprintf("%s: people in China were not told of it, or did not agree to it separately", [recipient.what]),
	"fact": recipient.fact,
	"value": recipient.country,
	"remedy": sprintf("a notice that names %s and consent that was asked for separately", [recipient.name]),
}) if {
	some recipient in _unagreed
}

# METADATA
# title: "Foreign authorities get what lies in China with approval only"
# description: |
#   Needs request (authority_country, channel) and the storage countries; whose data it is does not matter.
# scope: rule
# custom:
#   id: cn-pipl-41
#   layer: law
#   citation: "PIPL Art. 41; Data Security Law Art. 36"
#   effective_from: 2021-11-01
#   mode: enforce
#   cases: [P04]
passed contains "cn-pipl-41" if _permitted

_permitted if is_null(input.request)

_permitted if not _lies_there

_permitted if input.request.authority_country in cn.home

_permitted if input.request.channel in cn.treaty_channels

_lies_there if {
	some country in input.data.storage_countries
	country in cn.home
}

findings contains lib.finding("cn-pipl-41", {
	"message": sprintf("an authority of %s asks for what lies in China, without the approval of the authorities there", [
		input.request.authority_country,
	]),
	"fact": "request.channel",
	"value": input.request.channel,
	"remedy": "have the authority ask by legal assistance",
}) if {
	not _permitted
}

# METADATA
# title: Limits
# description: How many people a year the route that was taken is good for.
# scope: document
limits contains {
	"rule": "cn-pipl-38",
	"data_types": ["user"],
	"subject_country": "CN",
	"unit": "person",
	"window": "year",
	"max": _most - 1,
} if {
	_limited
}

limits contains {
	"rule": "cn-pipl-38",
	"data_types": cn.sensitive_types,
	"subject_country": "CN",
	"unit": "person",
	"window": "year",
	"max": cn.sensitive_contract_below - 1,
} if {
	_limited
	_sensitive
}

_limited if {
	some recipient in _abroad
	not transfers.exempt(cn.exemptions, recipient)
	not transfers.safeguarded(cn.assessment, recipient)
}

_unsafe contains recipient if {
	some recipient in _abroad
	not transfers.safeguarded(cn.contract, recipient)
}

_most := cn.contract_below if {
	count(_unsafe) == 0
} else := cn.exempt_below
