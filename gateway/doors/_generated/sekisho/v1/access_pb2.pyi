from google.protobuf import struct_pb2 as _struct_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ResourceEffect(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    RESOURCE_EFFECT_UNSPECIFIED: _ClassVar[ResourceEffect]
    RESOURCE_EFFECT_READ: _ClassVar[ResourceEffect]
    RESOURCE_EFFECT_WRITE: _ClassVar[ResourceEffect]

class ColumnUse(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    COLUMN_USE_UNSPECIFIED: _ClassVar[ColumnUse]
    COLUMN_USE_OUTPUT: _ClassVar[ColumnUse]
    COLUMN_USE_PREDICATE: _ClassVar[ColumnUse]
    COLUMN_USE_ARRANGE: _ClassVar[ColumnUse]
    COLUMN_USE_WRITE_TARGET: _ClassVar[ColumnUse]
    COLUMN_USE_WHOLE_ROW: _ClassVar[ColumnUse]

class Effect(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    EFFECT_UNSPECIFIED: _ClassVar[Effect]
    EFFECT_ALLOW: _ClassVar[Effect]
    EFFECT_DENY: _ClassVar[Effect]

class ObligationKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    OBLIGATION_KIND_UNSPECIFIED: _ClassVar[ObligationKind]
    OBLIGATION_KIND_MASK: _ClassVar[ObligationKind]
    OBLIGATION_KIND_ROW_FILTER: _ClassVar[ObligationKind]
    OBLIGATION_KIND_ROW_LIMIT: _ClassVar[ObligationKind]
    OBLIGATION_KIND_SUBJECT_COUNTRIES: _ClassVar[ObligationKind]

class Layer(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    LAYER_UNSPECIFIED: _ClassVar[Layer]
    LAYER_LAW: _ClassVar[Layer]
    LAYER_PROMISE: _ClassVar[Layer]
    LAYER_HOUSE: _ClassVar[Layer]

class Mode(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    MODE_UNSPECIFIED: _ClassVar[Mode]
    MODE_ENFORCE: _ClassVar[Mode]
    MODE_SHADOW: _ClassVar[Mode]
RESOURCE_EFFECT_UNSPECIFIED: ResourceEffect
RESOURCE_EFFECT_READ: ResourceEffect
RESOURCE_EFFECT_WRITE: ResourceEffect
COLUMN_USE_UNSPECIFIED: ColumnUse
COLUMN_USE_OUTPUT: ColumnUse
COLUMN_USE_PREDICATE: ColumnUse
COLUMN_USE_ARRANGE: ColumnUse
COLUMN_USE_WRITE_TARGET: ColumnUse
COLUMN_USE_WHOLE_ROW: ColumnUse
EFFECT_UNSPECIFIED: Effect
EFFECT_ALLOW: Effect
EFFECT_DENY: Effect
OBLIGATION_KIND_UNSPECIFIED: ObligationKind
OBLIGATION_KIND_MASK: ObligationKind
OBLIGATION_KIND_ROW_FILTER: ObligationKind
OBLIGATION_KIND_ROW_LIMIT: ObligationKind
OBLIGATION_KIND_SUBJECT_COUNTRIES: ObligationKind
LAYER_UNSPECIFIED: Layer
LAYER_LAW: Layer
LAYER_PROMISE: Layer
LAYER_HOUSE: Layer
MODE_UNSPECIFIED: Mode
MODE_ENFORCE: Mode
MODE_SHADOW: Mode

class AuthorizeRequest(_message.Message):
    __slots__ = ("token", "datasource", "statement", "address", "supported_obligations", "principal", "completes", "resource")
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    DATASOURCE_FIELD_NUMBER: _ClassVar[int]
    STATEMENT_FIELD_NUMBER: _ClassVar[int]
    ADDRESS_FIELD_NUMBER: _ClassVar[int]
    SUPPORTED_OBLIGATIONS_FIELD_NUMBER: _ClassVar[int]
    PRINCIPAL_FIELD_NUMBER: _ClassVar[int]
    COMPLETES_FIELD_NUMBER: _ClassVar[int]
    RESOURCE_FIELD_NUMBER: _ClassVar[int]
    token: str
    datasource: str
    statement: Statement
    address: str
    supported_obligations: _containers.RepeatedScalarFieldContainer[ObligationKind]
    principal: Principal
    completes: bool
    resource: Resource
    def __init__(self, token: _Optional[str] = ..., datasource: _Optional[str] = ..., statement: _Optional[_Union[Statement, _Mapping]] = ..., address: _Optional[str] = ..., supported_obligations: _Optional[_Iterable[_Union[ObligationKind, str]]] = ..., principal: _Optional[_Union[Principal, _Mapping]] = ..., completes: _Optional[bool] = ..., resource: _Optional[_Union[Resource, _Mapping]] = ...) -> None: ...

class Resource(_message.Message):
    __slots__ = ("effect", "relations", "columns")
    EFFECT_FIELD_NUMBER: _ClassVar[int]
    RELATIONS_FIELD_NUMBER: _ClassVar[int]
    COLUMNS_FIELD_NUMBER: _ClassVar[int]
    effect: ResourceEffect
    relations: _containers.RepeatedScalarFieldContainer[str]
    columns: _containers.RepeatedCompositeFieldContainer[ResourceColumn]
    def __init__(self, effect: _Optional[_Union[ResourceEffect, str]] = ..., relations: _Optional[_Iterable[str]] = ..., columns: _Optional[_Iterable[_Union[ResourceColumn, _Mapping]]] = ...) -> None: ...

class ResourceColumn(_message.Message):
    __slots__ = ("relation", "column", "use")
    RELATION_FIELD_NUMBER: _ClassVar[int]
    COLUMN_FIELD_NUMBER: _ClassVar[int]
    USE_FIELD_NUMBER: _ClassVar[int]
    relation: str
    column: str
    use: ColumnUse
    def __init__(self, relation: _Optional[str] = ..., column: _Optional[str] = ..., use: _Optional[_Union[ColumnUse, str]] = ...) -> None: ...

class Principal(_message.Message):
    __slots__ = ("issuer", "subject")
    ISSUER_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    issuer: str
    subject: str
    def __init__(self, issuer: _Optional[str] = ..., subject: _Optional[str] = ...) -> None: ...

class Statement(_message.Message):
    __slots__ = ("sql", "parameter_types")
    SQL_FIELD_NUMBER: _ClassVar[int]
    PARAMETER_TYPES_FIELD_NUMBER: _ClassVar[int]
    sql: str
    parameter_types: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, sql: _Optional[str] = ..., parameter_types: _Optional[_Iterable[int]] = ...) -> None: ...

class AuthorizeResponse(_message.Message):
    __slots__ = ("decision_id", "effect", "reason", "message", "detail", "hint", "obligations", "findings", "cross_border", "valid_until", "revision", "reused", "complaint")
    DECISION_ID_FIELD_NUMBER: _ClassVar[int]
    EFFECT_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    HINT_FIELD_NUMBER: _ClassVar[int]
    OBLIGATIONS_FIELD_NUMBER: _ClassVar[int]
    FINDINGS_FIELD_NUMBER: _ClassVar[int]
    CROSS_BORDER_FIELD_NUMBER: _ClassVar[int]
    VALID_UNTIL_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    REUSED_FIELD_NUMBER: _ClassVar[int]
    COMPLAINT_FIELD_NUMBER: _ClassVar[int]
    decision_id: str
    effect: Effect
    reason: str
    message: str
    detail: str
    hint: str
    obligations: _containers.RepeatedCompositeFieldContainer[Obligation]
    findings: _containers.RepeatedCompositeFieldContainer[Finding]
    cross_border: bool
    valid_until: int
    revision: str
    reused: bool
    complaint: Complaint
    def __init__(self, decision_id: _Optional[str] = ..., effect: _Optional[_Union[Effect, str]] = ..., reason: _Optional[str] = ..., message: _Optional[str] = ..., detail: _Optional[str] = ..., hint: _Optional[str] = ..., obligations: _Optional[_Iterable[_Union[Obligation, _Mapping]]] = ..., findings: _Optional[_Iterable[_Union[Finding, _Mapping]]] = ..., cross_border: _Optional[bool] = ..., valid_until: _Optional[int] = ..., revision: _Optional[str] = ..., reused: _Optional[bool] = ..., complaint: _Optional[_Union[Complaint, _Mapping]] = ...) -> None: ...

class AuthorizeBatchRequest(_message.Message):
    __slots__ = ("token", "principal", "requests")
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    PRINCIPAL_FIELD_NUMBER: _ClassVar[int]
    REQUESTS_FIELD_NUMBER: _ClassVar[int]
    token: str
    principal: Principal
    requests: _containers.RepeatedCompositeFieldContainer[AuthorizeRequest]
    def __init__(self, token: _Optional[str] = ..., principal: _Optional[_Union[Principal, _Mapping]] = ..., requests: _Optional[_Iterable[_Union[AuthorizeRequest, _Mapping]]] = ...) -> None: ...

class AuthorizeBatchResponse(_message.Message):
    __slots__ = ("answers",)
    ANSWERS_FIELD_NUMBER: _ClassVar[int]
    answers: _containers.RepeatedCompositeFieldContainer[AuthorizeResponse]
    def __init__(self, answers: _Optional[_Iterable[_Union[AuthorizeResponse, _Mapping]]] = ...) -> None: ...

class AuthorizeStreamRequest(_message.Message):
    __slots__ = ("correlation", "request")
    CORRELATION_FIELD_NUMBER: _ClassVar[int]
    REQUEST_FIELD_NUMBER: _ClassVar[int]
    correlation: int
    request: AuthorizeRequest
    def __init__(self, correlation: _Optional[int] = ..., request: _Optional[_Union[AuthorizeRequest, _Mapping]] = ...) -> None: ...

class AuthorizeStreamResponse(_message.Message):
    __slots__ = ("correlation", "answer")
    CORRELATION_FIELD_NUMBER: _ClassVar[int]
    ANSWER_FIELD_NUMBER: _ClassVar[int]
    correlation: int
    answer: AuthorizeResponse
    def __init__(self, correlation: _Optional[int] = ..., answer: _Optional[_Union[AuthorizeResponse, _Mapping]] = ...) -> None: ...

class ExplainRequest(_message.Message):
    __slots__ = ("request",)
    REQUEST_FIELD_NUMBER: _ClassVar[int]
    request: AuthorizeRequest
    def __init__(self, request: _Optional[_Union[AuthorizeRequest, _Mapping]] = ...) -> None: ...

class ExplainResponse(_message.Message):
    __slots__ = ("answer", "nearest", "facts")
    ANSWER_FIELD_NUMBER: _ClassVar[int]
    NEAREST_FIELD_NUMBER: _ClassVar[int]
    FACTS_FIELD_NUMBER: _ClassVar[int]
    answer: AuthorizeResponse
    nearest: str
    facts: _struct_pb2.Struct
    def __init__(self, answer: _Optional[_Union[AuthorizeResponse, _Mapping]] = ..., nearest: _Optional[str] = ..., facts: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ...) -> None: ...

class CompleteRequest(_message.Message):
    __slots__ = ("token", "decision_id", "rows", "bytes", "subjects", "sqlstate")
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    DECISION_ID_FIELD_NUMBER: _ClassVar[int]
    ROWS_FIELD_NUMBER: _ClassVar[int]
    BYTES_FIELD_NUMBER: _ClassVar[int]
    SUBJECTS_FIELD_NUMBER: _ClassVar[int]
    SQLSTATE_FIELD_NUMBER: _ClassVar[int]
    token: str
    decision_id: str
    rows: int
    bytes: int
    subjects: int
    sqlstate: str
    def __init__(self, token: _Optional[str] = ..., decision_id: _Optional[str] = ..., rows: _Optional[int] = ..., bytes: _Optional[int] = ..., subjects: _Optional[int] = ..., sqlstate: _Optional[str] = ...) -> None: ...

class CompleteResponse(_message.Message):
    __slots__ = ("decision_id",)
    DECISION_ID_FIELD_NUMBER: _ClassVar[int]
    decision_id: str
    def __init__(self, decision_id: _Optional[str] = ...) -> None: ...

class WatchDecisionsRequest(_message.Message):
    __slots__ = ("token", "entity", "principal", "country", "rule", "effect", "since", "after")
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    ENTITY_FIELD_NUMBER: _ClassVar[int]
    PRINCIPAL_FIELD_NUMBER: _ClassVar[int]
    COUNTRY_FIELD_NUMBER: _ClassVar[int]
    RULE_FIELD_NUMBER: _ClassVar[int]
    EFFECT_FIELD_NUMBER: _ClassVar[int]
    SINCE_FIELD_NUMBER: _ClassVar[int]
    AFTER_FIELD_NUMBER: _ClassVar[int]
    token: str
    entity: str
    principal: str
    country: str
    rule: str
    effect: Effect
    since: int
    after: _containers.RepeatedCompositeFieldContainer[Position]
    def __init__(self, token: _Optional[str] = ..., entity: _Optional[str] = ..., principal: _Optional[str] = ..., country: _Optional[str] = ..., rule: _Optional[str] = ..., effect: _Optional[_Union[Effect, str]] = ..., since: _Optional[int] = ..., after: _Optional[_Iterable[_Union[Position, _Mapping]]] = ...) -> None: ...

class Position(_message.Message):
    __slots__ = ("writer", "sequence")
    WRITER_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    writer: str
    sequence: int
    def __init__(self, writer: _Optional[str] = ..., sequence: _Optional[int] = ...) -> None: ...

class WatchDecisionsResponse(_message.Message):
    __slots__ = ("position", "at_us", "decision_id", "effect", "reason", "door", "datasource", "principal", "entity", "cross_border", "rules", "entry")
    POSITION_FIELD_NUMBER: _ClassVar[int]
    AT_US_FIELD_NUMBER: _ClassVar[int]
    DECISION_ID_FIELD_NUMBER: _ClassVar[int]
    EFFECT_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    DOOR_FIELD_NUMBER: _ClassVar[int]
    DATASOURCE_FIELD_NUMBER: _ClassVar[int]
    PRINCIPAL_FIELD_NUMBER: _ClassVar[int]
    ENTITY_FIELD_NUMBER: _ClassVar[int]
    CROSS_BORDER_FIELD_NUMBER: _ClassVar[int]
    RULES_FIELD_NUMBER: _ClassVar[int]
    ENTRY_FIELD_NUMBER: _ClassVar[int]
    position: Position
    at_us: int
    decision_id: str
    effect: Effect
    reason: str
    door: str
    datasource: str
    principal: str
    entity: str
    cross_border: bool
    rules: _containers.RepeatedScalarFieldContainer[str]
    entry: _struct_pb2.Struct
    def __init__(self, position: _Optional[_Union[Position, _Mapping]] = ..., at_us: _Optional[int] = ..., decision_id: _Optional[str] = ..., effect: _Optional[_Union[Effect, str]] = ..., reason: _Optional[str] = ..., door: _Optional[str] = ..., datasource: _Optional[str] = ..., principal: _Optional[str] = ..., entity: _Optional[str] = ..., cross_border: _Optional[bool] = ..., rules: _Optional[_Iterable[str]] = ..., entry: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ...) -> None: ...

class Obligation(_message.Message):
    __slots__ = ("mask", "row_filter", "row_limit", "unknown", "subject_countries")
    MASK_FIELD_NUMBER: _ClassVar[int]
    ROW_FILTER_FIELD_NUMBER: _ClassVar[int]
    ROW_LIMIT_FIELD_NUMBER: _ClassVar[int]
    UNKNOWN_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_COUNTRIES_FIELD_NUMBER: _ClassVar[int]
    mask: Mask
    row_filter: RowFilter
    row_limit: RowLimit
    unknown: UnknownObligation
    subject_countries: SubjectCountries
    def __init__(self, mask: _Optional[_Union[Mask, _Mapping]] = ..., row_filter: _Optional[_Union[RowFilter, _Mapping]] = ..., row_limit: _Optional[_Union[RowLimit, _Mapping]] = ..., unknown: _Optional[_Union[UnknownObligation, _Mapping]] = ..., subject_countries: _Optional[_Union[SubjectCountries, _Mapping]] = ...) -> None: ...

class Mask(_message.Message):
    __slots__ = ("relation", "column", "method")
    RELATION_FIELD_NUMBER: _ClassVar[int]
    COLUMN_FIELD_NUMBER: _ClassVar[int]
    METHOD_FIELD_NUMBER: _ClassVar[int]
    relation: str
    column: str
    method: str
    def __init__(self, relation: _Optional[str] = ..., column: _Optional[str] = ..., method: _Optional[str] = ...) -> None: ...

class RowFilter(_message.Message):
    __slots__ = ("relation", "predicate")
    RELATION_FIELD_NUMBER: _ClassVar[int]
    PREDICATE_FIELD_NUMBER: _ClassVar[int]
    relation: str
    predicate: str
    def __init__(self, relation: _Optional[str] = ..., predicate: _Optional[str] = ...) -> None: ...

class SubjectCountries(_message.Message):
    __slots__ = ("relation", "column", "countries")
    RELATION_FIELD_NUMBER: _ClassVar[int]
    COLUMN_FIELD_NUMBER: _ClassVar[int]
    COUNTRIES_FIELD_NUMBER: _ClassVar[int]
    relation: str
    column: str
    countries: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, relation: _Optional[str] = ..., column: _Optional[str] = ..., countries: _Optional[_Iterable[str]] = ...) -> None: ...

class RowLimit(_message.Message):
    __slots__ = ("rows",)
    ROWS_FIELD_NUMBER: _ClassVar[int]
    rows: int
    def __init__(self, rows: _Optional[int] = ...) -> None: ...

class UnknownObligation(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class Finding(_message.Message):
    __slots__ = ("rule", "layer", "mode", "citation", "message", "fact", "value", "remedy")
    RULE_FIELD_NUMBER: _ClassVar[int]
    LAYER_FIELD_NUMBER: _ClassVar[int]
    MODE_FIELD_NUMBER: _ClassVar[int]
    CITATION_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    FACT_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    REMEDY_FIELD_NUMBER: _ClassVar[int]
    rule: str
    layer: Layer
    mode: Mode
    citation: str
    message: str
    fact: str
    value: str
    remedy: str
    def __init__(self, rule: _Optional[str] = ..., layer: _Optional[_Union[Layer, str]] = ..., mode: _Optional[_Union[Mode, str]] = ..., citation: _Optional[str] = ..., message: _Optional[str] = ..., fact: _Optional[str] = ..., value: _Optional[str] = ..., remedy: _Optional[str] = ...) -> None: ...

class Complaint(_message.Message):
    __slots__ = ("sqlstate", "fields")
    class FieldsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    SQLSTATE_FIELD_NUMBER: _ClassVar[int]
    FIELDS_FIELD_NUMBER: _ClassVar[int]
    sqlstate: str
    fields: _containers.ScalarMap[str, str]
    def __init__(self, sqlstate: _Optional[str] = ..., fields: _Optional[_Mapping[str, str]] = ...) -> None: ...
