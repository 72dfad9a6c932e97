# What somebody asks of the record: a document of its own kind. shape.rego has the words it is written in.
package sekisho.shape

# A request is about a statement or about the record. What has anything of a statement in it is judged as one or not at
# all: no document passes by the rules about statements because it says that it is something else.
_asked if {
	input.action == "statement"
	input.door in {"postgres", "grpc", "envoy", "http"}
	is_string(input.profile)
	is_null(input.reading)
}

_asked if {
	_of_record
	_door_or_command
	is_null(input.datasource)
	is_null(input.profile)
	is_null(input.request)
	is_null(input.statement)
	is_null(input.data)
	is_null(input.volume)
	_none_told
}

_of_record if {
	input.action == "audit.read"
	is_object(input.reading)
}

# At the command line there is no door.
_door_or_command if is_null(input.door)

_door_or_command if input.door in {"postgres", "grpc", "envoy", "http"}

_none_told if {
	input.disclosures == []
	input.agreements == []
	input.claims == []
	input.consents == []
	input.adequacy == []
}

_datasource if _of_record

_statement if _of_record

_data if _of_record

_volume if _of_record

_reading if {
	input.action == "statement"
	is_null(input.reading)
}

_reading if {
	input.action == "audit.read"
	input.reading.what in {"decisions", "explain", "whois", "config"}
	_text_or_null(input.reading.entity)
	_text_or_null(input.reading.principal)
	_text_or_null(input.reading.since)
	_text_or_null(input.reading.until)
}
