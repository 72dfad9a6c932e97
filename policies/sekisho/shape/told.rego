# The lists of what was told, agreed and counted; shape.rego has the rest, and the words both are written in.
package sekisho.shape

_known_by if {
	is_array(input.known_by)
	every known in input.known_by {
		is_string(known.fact)
		is_string(known.source)
		known.confidence in {"attested", "inferred", "declared", "unknown"}
	}
}

_disclosures if {
	is_array(input.disclosures)
	every disclosure in input.disclosures {
		is_string(disclosure.notice)
		_country(disclosure.country)
		is_boolean(disclosure.consent)
		_texts(disclosure.entities)
		_texts(disclosure.data_types)
	}
}

_agreements if {
	is_array(input.agreements)
	every agreement in input.agreements {
		is_string(agreement.id)
		is_string(agreement.kind)
		is_string(agreement.entity)
		is_string(agreement.foreign_law_risk)
		_number_or_null(agreement.last_check_age_days)
		_texts(agreement.data_types)
		_text_or_null(agreement.scheme)
		_number_or_null(agreement.tia_age_days)
		_outcome(agreement.tia_outcome)
		is_boolean(agreement.onward_ban)
		_boolean_or_null(agreement.access_control)
	}
}

_outcome(value) if is_null(value)

_outcome(value) if value in {"effective", "ineffective"}

_claims if {
	is_array(input.claims)
	every claim in input.claims {
		is_string(claim.notice)
		claim.claim in {"stored_only_in", "accessed_only_from"}
		_countries(claim.countries)
		_texts(claim.data_types)
		_countries(claim.subject_countries)
	}
}

_consents if {
	is_array(input.consents)
	every consent in input.consents {
		is_string(consent.notice)
		_country(consent.subject_country)
		is_boolean(consent.separate)
		_texts(consent.informed)
		_given_by(consent)
	}
}

# What only some people gave has a filter: one that is lost must not make it everybody's.
_given_by(consent) if {
	consent.status == "given_by_some"
	is_string(consent.row_filter)
}

_given_by(consent) if {
	consent.status in {"given", "withdrawn", "expired"}
	_text_or_null(consent.row_filter)
}

_adequacy if {
	is_array(input.adequacy)
	every entry in input.adequacy {
		is_string(entry.regime)
		_country(entry.country)
		is_boolean(entry.accepted)
		is_string(entry.scope)
		_texts(entry.excluded_data_types)
		is_string(entry.citation)
	}
}

_volume if {
	is_string(input.volume.window)
	_natural(input.volume.rows)
	is_boolean(input.volume.available)
	is_array(input.volume.counts)
	every entry in input.volume.counts {
		is_string(entry.data_type)
		_country(entry.subject_country)
		entry.unit in {"person", "device"}
		_natural(entry.subjects)
		_natural(entry.subjects_this_year)
		_natural(entry.rows)
	}
}
