# METADATA
# title: Shape of the input
# description: |
#   Whether every field of policies/schema/input.schema.json is there with its type. Packs may rely on it: without it a
#   comparison with null or with a text would be true where a person would say it makes no sense (null < 365).
package sekisho.shape

import data.sekisho.lib

# METADATA
# title: The input is complete
# description: Needs every field of the input schema, with its type. Cannot be lowered to shadow.
# scope: rule
# custom:
#   id: house-input-complete
#   layer: house
#   citation: "Sekisho input schema, version 2"
#   effective_from: 1970-01-01
#   mode: enforce
passed contains "house-input-complete" if count(broken) == 0

# METADATA
# title: What is missing
# description: One finding for each section that is not as the schema says.
findings contains lib.finding("house-input-complete", {
	"message": sprintf("the facts of the request are not complete: %s is missing or not of its type", [section]),
	"fact": section,
	"value": null,
}) if {
	some section in broken
}

# METADATA
# title: Sections that are not as the schema says
# description: |
#   Empty where the input is whole. Each line negates a rule, never a call: with an argument that is not there,
#   `not f(input.x)` is true to one engine and undefined to another, and then nothing is reported as missing.
broken contains "input" if not _document

broken contains "time" if not _moment

broken contains "request" if not _request

broken contains "datasource" if not _datasource

broken contains "principal" if not _principal

broken contains "caller" if not _caller

broken contains "location" if not _location

broken contains "employer" if not _employer

broken contains "employer.chain" if not _chain

broken contains "employer.owners" if not _owners

broken contains "employer.contracts" if not _contracts

broken contains "employer.held" if not _held

broken contains "origin" if not _origin

broken contains "known_by" if not _known_by

broken contains "statement" if not _statement

broken contains "data" if not _data

broken contains "disclosures" if not _disclosures

broken contains "agreements" if not _agreements

broken contains "claims" if not _claims

broken contains "consents" if not _consents

broken contains "adequacy" if not _adequacy

broken contains "volume" if not _volume

broken contains "reading" if not _reading

_document if {
	is_object(input)
	input.schema_version == 2
	_asked
	is_string(input.registry_revision)
	is_string(input.valid_until)
	_text_or_null(input.purpose)
}

_moment if {
	count(input.time) == 20
	is_number(time.parse_rfc3339_ns(input.time))
	substring(input.time, 0, 10) == input.date
}

_datasource if {
	is_string(input.datasource.id)
	_countries(input.datasource.storage_countries)
	is_string(input.datasource.controller.entity)
	is_string(input.datasource.controller.name)
	_country_or_null(input.datasource.controller.country)
	_texts(input.datasource.controller.designations)
	input.datasource.unlabelled in {"deny", "ask", "none"}
	input.datasource.trust in {"attested", "inferred", "declared"}
}

_request if is_null(input.request)

_request if {
	_country(input.request.authority_country)
	input.request.legal_basis in {"warrant", "investigation_inquiry", "emergency"}
	is_string(input.request.category)
	_natural_or_null(input.request.subjects)
	input.request.channel in {"direct", "mlat", "icpo", "diplomatic"}
	is_boolean(input.request.reviewed)
}

_principal if {
	is_string(input.principal.id)
	is_string(input.principal.issuer)
	is_string(input.principal.subject)
	is_string(input.principal.database_user)
	is_string(input.principal.expires_at)
	is_string(input.principal.person)
	is_boolean(input.principal.mfa)
	input.principal.stay in {"residence", "trip", "unknown"}
	input.principal.us_person in {"yes", "no", "unknown"}
	_texts(input.principal.groups)
	_text_or_null(input.principal.purpose)
	_text_or_null(input.principal.ticket)
	_text_or_null(input.principal.token_id)
	_text_or_null(input.principal.issued_at)
	_country_or_null(input.principal.declared_country)
	_country_or_null(input.principal.declared_residence)
	_text_or_null(input.principal.declared_employer)
	_text_or_null(input.principal.asserted_by)
	_country_or_null(input.principal.residence)
}

# Who asks by nobody's word but a caller's, and no caller: one of the two was lost.
_caller if {
	is_null(input.caller)
	is_null(input.principal.asserted_by)
}

_caller if {
	_known_caller
	is_null(input.principal.asserted_by)
	not "principal" in input.caller.asserts
}

_caller if {
	"principal" in input.caller.asserts
	input.principal.asserted_by == input.caller.id
	_known_caller
}

_known_caller if {
	is_string(input.caller.id)
	is_string(input.caller.identity)
	is_string(input.caller.expires_at)
	_texts(input.caller.asserts)
}

_location if {
	is_boolean(input.location.known)
	is_boolean(input.location.conflict)
	is_boolean(input.location.simultaneous)
	is_string(input.location.source)
	is_string(input.location.confidence)
	is_string(input.location.note)
	_text_or_null(input.location.site)
	_countries(input.location.countries)
}

_employer if {
	is_boolean(input.employer.known)
	is_boolean(input.employer.complete)
	is_boolean(input.employer.same_legal_entity)
	is_boolean(input.employer.blocked)
	is_boolean(input.employer.conflict)
	input.employer.confidence in {"attested", "declared", "unknown"}
	is_string(input.employer.note)
	is_string(input.employer.name)
	is_string(input.employer.relation)
	_text_or_null(input.employer.entity)
	_country_or_null(input.employer.country)
	_text_or_null(input.employer.blocked_by)
	_texts(input.employer.groups)
}

_chain if _links(input.employer.chain)

_owners if _links(input.employer.owners)

_origin if _countries(input.origin.countries)

_links(links) if {
	is_array(links)
	every link in links {
		_natural(link.hop)
		is_string(link.entity)
		is_string(link.name)
		is_string(link.relation)
		_country_or_null(link.country)
		_text_or_null(link.contract)
		_number_or_null(link.share_percent)
		_texts(link.designations)
	}
}

_contracts if {
	is_array(input.employer.contracts)
	every contract in input.employer.contracts {
		is_string(contract.id)
		is_string(contract.principal)
		is_string(contract.contractor)
		is_string(contract.purpose)
		is_string(contract.subcontractors)
		_natural(contract.hop)
		_number_or_null(contract.last_audit_age_days)
		_text_or_null(contract.owner_of_principal)
		_texts(contract.data_types)
		contract.transaction in {"vendor", "employment", "investment", "data_brokerage", "none"}
		_texts(contract.exemptions)
	}
}

_held if {
	is_array(input.employer.held)
	every fact in input.employer.held {
		is_string(fact.test)
		is_string(fact.entity)
		is_string(fact.note)
		_natural(fact.hop)
		fact.answer in {"yes", "no", "unknown"}
	}
}

_statement if {
	is_string(input.statement.kind)
	input.statement.effect in {"none", "read", "write", "session"}
	is_boolean(input.statement.complete)
	is_string(input.statement.detail)
	_text_or_null(input.statement.incomplete)
	_text_or_null(input.statement.transaction)
	input.statement.confidence in {"attested", "inferred", "declared"}
	_texts(input.statement.relations)
	_fits(input.statement.columns, "uses")
}

# There may be hundreds of columns, and a compiled program may take so many steps: one call looks at all of them.
_fits(values, name) if json.match_schema({"list": values}, data.sekisho.shape.lists[name])[0] == true

_data if {
	is_boolean(input.data.about_people)
	is_boolean(input.data.subject_known)
	is_string(input.data.controller)
	_texts(input.data.data_types)
	_texts(input.data.unlabelled)
	_countries(input.data.subject_countries)
	_countries(input.data.storage_countries)
	is_array(input.data.relations)
	every relation in input.data.relations {
		_relation(relation)
	}
	_fits(input.data.columns, "labels")
}

_relation(relation) if {
	is_string(relation.relation)
	is_boolean(relation.about_people)
	is_boolean(relation.subject_known)
	_countries(relation.subject_countries)
	_text_or_null(relation.subject_column)
	_text_or_null(relation.subject_key)
	relation.unit in {"person", "device"}
	_texts(relation.subjects)
	_texts(relation.row_filters)
}

_natural(value) if {
	is_number(value)
	value >= 0
}

_natural_or_null(value) if is_null(value)

_natural_or_null(value) if _natural(value)

_boolean_or_null(value) if is_null(value)

_boolean_or_null(value) if is_boolean(value)

_number_or_null(value) if is_null(value)

_number_or_null(value) if is_number(value)

_text_or_null(value) if is_null(value)

_text_or_null(value) if is_string(value)

_texts(values) if {
	is_array(values)
	every value in values {
		is_string(value)
	}
}

_country(value) if {
	is_string(value)
	count(value) == 2
}

_country_or_null(value) if is_null(value)

_country_or_null(value) if _country(value)

_countries(values) if {
	is_array(values)
	every value in values {
		_country(value)
	}
}
