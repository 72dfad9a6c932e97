# METADATA
# title: Requests of authorities
# description: |
#   What people's data is read for when a police or another authority asked for it (input.request, out of a signed token).
#   A statement without such a request is none of this pack's business.
package house.requests

import data.sekisho.lib

_unasked if is_null(input.request)

# METADATA
# title: "Authorities abroad ask through the state"
# description: |
#   Needs request (authority_country, channel) and the controller's country. Authorities of the controller's own country
#   ask directly; those of others by legal assistance, Interpol or diplomats; those of some countries not at all.
# scope: rule
# custom:
#   id: house-request-channel
#   layer: house
#   citation: "House policy: requests of authorities, transparency report"
#   effective_from: 1970-01-01
#   mode: enforce
#   cases: [L35, L36]
passed contains "house-request-channel" if _proper_channel

_proper_channel if _unasked

_proper_channel if {
	is_string(input.datasource.controller.country)
	input.request.authority_country == input.datasource.controller.country
}

_proper_channel if {
	input.request.channel in data.house.requests.state_channels
	not input.request.authority_country in data.house.requests.refused_countries
}

# METADATA
# title: Findings
# description: What this pack has to say, one entry for each fact that failed.
# scope: document
findings contains lib.finding("house-request-channel", {
	"message": sprintf("an authority of %s asks, and not through a channel between states that is open to it", [
		input.request.authority_country,
	]),
	"fact": "request.channel",
	"value": input.request.channel,
	"remedy": _channel_remedy,
}) if {
	not _proper_channel
}

_channel_remedy := "none: freeze the grants of the entity it asks through, and tell security" if {
	input.request.authority_country in data.house.requests.refused_countries
} else := "refer the authority to mutual legal assistance or Interpol"

# METADATA
# title: "The privacy team reviewed the request"
# description: |
#   Needs request.reviewed. STEP_UP: the review is the approval, and comes with the token.
# scope: rule
# custom:
#   id: house-request-reviewed
#   layer: house
#   citation: "House policy: requests of authorities, review"
#   effective_from: 1970-01-01
#   mode: enforce
#   cases: [L29]
passed contains "house-request-reviewed" if _reviewed

_reviewed if _unasked

_reviewed if input.request.reviewed == true

findings contains lib.finding("house-request-reviewed", {
	"message": "the privacy team has not reviewed this request",
	"fact": "request.reviewed",
	"value": input.request.reviewed,
	"remedy": "a review by the privacy team",
}) if {
	not _reviewed
}

# METADATA
# title: "Requests are about listed harms"
# description: |
#   Needs request.category, one of data.house.requests.categories.
# scope: rule
# custom:
#   id: house-request-category
#   layer: house
#   citation: "House policy: requests of authorities, categories"
#   effective_from: 1970-01-01
#   mode: enforce
#   cases: [L32]
passed contains "house-request-category" if _listed_category

_listed_category if _unasked

_listed_category if input.request.category in data.house.requests.categories

findings contains lib.finding("house-request-category", {
	"message": sprintf("requests are answered about %s, and not about %s", [
		lib.list(data.house.requests.categories),
		input.request.category,
	]),
	"fact": "request.category",
	"value": input.request.category,
	"remedy": "none in this matter",
}) if {
	not _listed_category
}

# METADATA
# title: "Requests are about named people"
# description: |
#   Needs request.subjects, at most data.house.requests.max_subjects. "All users of a ward" is too broad.
# scope: rule
# custom:
#   id: house-request-scope
#   layer: house
#   citation: "House policy: requests of authorities, scope"
#   effective_from: 1970-01-01
#   mode: enforce
#   cases: [L31]
passed contains "house-request-scope" if _narrow

_narrow if _unasked

_narrow if {
	is_number(input.request.subjects)
	input.request.subjects >= 1
	input.request.subjects <= data.house.requests.max_subjects
}

findings contains lib.finding("house-request-scope", {
	"message": sprintf("the request is too broad: at most %d named people", [data.house.requests.max_subjects]),
	"fact": "request.subjects",
	"value": input.request.subjects,
	"remedy": "a request that names the people it is about",
}) if {
	not _narrow
}

# METADATA
# title: "Messages are read with a warrant"
# description: |
#   Needs request.legal_basis and data.data_types. Secrecy of communications yields to a warrant, and to no inquiry.
# scope: rule
# custom:
#   id: house-request-warrant
#   layer: house
#   citation: "House policy, after Telecommunications Business Act Art. 4: secrecy of communications"
#   effective_from: 1970-01-01
#   mode: enforce
#   cases: [L29, L30]
passed contains "house-request-warrant" if _warranted

_warranted if _unasked

_warranted if input.request.legal_basis == "warrant"

_warranted if {
	input.data.about_people == true
	count(input.data.data_types) > 0
	count(_messages) == 0
}

_warranted if input.data.about_people == false

_messages contains data_type if {
	some data_type in input.data.data_types
	some key in data.house.requests.message_types
	_same_branch(key, data_type)
}

_same_branch(key, data_type) if lib.covers(key, data_type)

_same_branch(key, data_type) if lib.covers(data_type, key)

findings contains lib.finding("house-request-warrant", {
	"message": "messages are given to an authority with a warrant only",
	"fact": "request.legal_basis",
	"value": input.request.legal_basis,
	"remedy": "a warrant",
}) if {
	not _warranted
}

# METADATA
# title: "End-to-end encrypted messages are not available"
# description: |
#   Needs data.data_types: none of data.house.requests.unavailable_types. Metadata is, where a warrant covers it.
# scope: rule
# custom:
#   id: house-request-encrypted
#   layer: house
#   citation: "House policy: requests of authorities, end-to-end encryption"
#   effective_from: 1970-01-01
#   mode: enforce
#   cases: [L34]
passed contains "house-request-encrypted" if _available

_available if _unasked

_available if count(_encrypted) == 0

_encrypted contains data_type if {
	some data_type in input.data.data_types
	some key in data.house.requests.unavailable_types
	lib.covers(key, data_type)
}

findings contains lib.finding("house-request-encrypted", {
	"message": "these messages are encrypted end to end and cannot be read here",
	"fact": "data.data_types",
	"value": data_type,
	"remedy": "metadata of the messages, where the warrant covers it",
}) if {
	not _available
	some data_type in _encrypted
}
