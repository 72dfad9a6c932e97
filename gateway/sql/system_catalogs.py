"""The server's own catalogs: which may be read, and which of their columns may not.

Drivers, psql and object browsers live on these. A catalog that is not listed is refused (pg_statistic and
pg_statistic_ext_data hold samples of the data, pg_largeobject holds data, pg_user_mapping holds passwords). A column
that stores a definition is refused as well, since definitions can hold literals about people, unless `definitions` has
looked through all it can show. Catalogs that are let through are *not* reported among a statement's relations: they are
nobody's data, and no label is asked for.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

SYSTEM_SCHEMAS: Final = frozenset({"pg_catalog", "information_schema"})

_NONE: Final[frozenset[str]] = frozenset()

# Relation -> columns that are refused, or that `definitions` must answer for.
READABLE: Final[Mapping[str, frozenset[str]]] = MappingProxyType(
    {
        "pg_aggregate": frozenset({"agginitval", "aggminitval"}),
        "pg_am": _NONE,
        "pg_amop": _NONE,
        "pg_amproc": _NONE,
        "pg_attrdef": frozenset({"adbin"}),
        "pg_attribute": frozenset({"attmissingval", "attfdwoptions"}),
        "pg_auth_members": _NONE,
        "pg_authid": frozenset({"rolpassword"}),
        "pg_cast": _NONE,
        "pg_class": frozenset({"relpartbound"}),
        "pg_collation": _NONE,
        "pg_constraint": frozenset({"conbin"}),
        "pg_conversion": _NONE,
        "pg_database": _NONE,
        "pg_db_role_setting": frozenset({"setconfig"}),
        "pg_default_acl": _NONE,
        "pg_depend": _NONE,
        "pg_description": frozenset({"description"}),
        "pg_enum": _NONE,
        "pg_event_trigger": _NONE,
        "pg_extension": frozenset({"extcondition"}),
        "pg_foreign_data_wrapper": frozenset({"fdwoptions"}),
        "pg_foreign_server": frozenset({"srvoptions"}),
        "pg_foreign_table": frozenset({"ftoptions"}),
        "pg_index": frozenset({"indexprs", "indpred"}),
        "pg_inherits": _NONE,
        "pg_init_privs": _NONE,
        "pg_language": _NONE,
        "pg_largeobject_metadata": _NONE,
        "pg_namespace": _NONE,
        "pg_opclass": _NONE,
        "pg_operator": _NONE,
        "pg_opfamily": _NONE,
        "pg_parameter_acl": _NONE,
        "pg_partitioned_table": frozenset({"partexprs"}),
        "pg_policy": frozenset({"polqual", "polwithcheck"}),
        "pg_proc": frozenset({"prosrc", "probin", "prosqlbody", "proargdefaults", "proconfig"}),
        "pg_publication": _NONE,
        "pg_publication_namespace": _NONE,
        "pg_publication_rel": frozenset({"prqual"}),
        "pg_range": _NONE,
        "pg_rewrite": frozenset({"ev_qual", "ev_action"}),
        "pg_sequence": _NONE,
        "pg_shdepend": _NONE,
        "pg_seclabel": frozenset({"label"}),
        "pg_shdescription": frozenset({"description"}),
        "pg_shseclabel": frozenset({"label"}),
        "pg_statistic_ext": frozenset({"stxexprs"}),
        "pg_subscription": frozenset({"subconninfo"}),
        "pg_subscription_rel": _NONE,
        "pg_tablespace": frozenset({"spcoptions"}),
        "pg_transform": _NONE,
        "pg_trigger": frozenset({"tgargs", "tgqual"}),
        "pg_ts_config": _NONE,
        "pg_ts_config_map": _NONE,
        "pg_ts_dict": frozenset({"dictinitoption"}),
        "pg_ts_parser": _NONE,
        "pg_ts_template": _NONE,
        "pg_type": frozenset({"typdefault", "typdefaultbin"}),
        "sql_features": _NONE,
        "sql_implementation_info": _NONE,
        "sql_parts": _NONE,
        "sql_sizing": _NONE,
    }
)
