"""The tables: for every node its fields in the order the server prints them, each with its role, per major.

A line is ``NAME field field/role …``. A field without a role is one token of no interest. Roles:

    v  one token that the walker reads        n  an expression             N  a list of expressions
    f  OID of a function                      F  a list of them
    o  OID of an operator                     O  a list of them
    t  OID of a value's type                  T  a list of them
    i  OID of a type converted to             I  a list of them
    p  a node its owner handles               P  a list of them
    #  numbers   s  strings   d  bytes of a constant   l  an alias: its name is kept

``NAME/n`` continues ``NAME`` for one value of the field marked ``=``: a range table entry has other fields for every
kind. A new major is the base with the lines that differ; golden trees of real servers hold each table to the truth.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from gateway.sql.tree.node import Role, Shape

_ROLES: Final = {
    "v": Role.VALUE,
    "f": Role.FUNCTION,
    "o": Role.OPERATOR,
    "t": Role.TYPE,
    "i": Role.INPUT_TYPE,
    "n": Role.NODE,
    "N": Role.NODES,
    "p": Role.PART,
    "P": Role.PARTS,
    "#": Role.NUMBERS,
    "F": Role.FUNCTIONS,
    "O": Role.OPERATORS,
    "T": Role.TYPES,
    "I": Role.INPUT_TYPES,
    "s": Role.NAMES,
    "d": Role.DATUM,
    "l": Role.LABEL,
    "=": Role.VALUE,
}

# What PostgreSQL 16 prints. Its printing functions are generated from the struct definitions, so order follows those.
_BASE: Final = """
QUERY commandType/v querySource canSetTag utilityStmt/p resultRelation/v hasAggs hasWindowFuncs hasTargetSRFs
  hasSubLinks hasDistinctOn hasRecursive hasModifyingCTE hasForUpdate hasRowSecurity isReturn cteList/P rtable/P
  rteperminfos/P jointree/p mergeActionList/P mergeUseOuterJoin targetList/P override onConflict/p returningList/P
  groupClause/P groupDistinct groupingSets/P havingQual/p windowClause/P distinctClause/P sortClause/P limitOffset/p
  limitCount/p limitOption rowMarks/P setOperations/p constraintDeps/# withCheckOptions/P stmt_location stmt_len
RANGETBLENTRY alias/l eref/l rtekind/=
RANGETBLENTRY/0 relid/v relkind/v rellockmode tablesample/n perminfoindex lateral inh/v inFromCl securityQuals/N
RANGETBLENTRY/1 subquery/p security_barrier relid/v relkind rellockmode perminfoindex lateral inh inFromCl
  securityQuals/N
RANGETBLENTRY/2 jointype joinmergedcols joinaliasvars/P joinleftcols/# joinrightcols/# join_using_alias/l lateral inh
  inFromCl securityQuals/N
RANGETBLENTRY/3 functions/N funcordinality lateral inh inFromCl securityQuals/N
RANGETBLENTRY/4 tablefunc/n lateral inh inFromCl securityQuals/N
RANGETBLENTRY/5 values_lists/N coltypes/T coltypmods/# colcollations/# lateral inh inFromCl securityQuals/N
RANGETBLENTRY/6 ctename/v ctelevelsup/v self_reference/v coltypes/T coltypmods/# colcollations/# lateral inh inFromCl
  securityQuals/N
RANGETBLENTRY/8 lateral inh inFromCl securityQuals/N
RTEPERMISSIONINFO relid inh requiredPerms checkAsUser selectedCols/# insertedCols/# updatedCols/#
RANGETBLFUNCTION funcexpr/n funccolcount funccolnames/s funccoltypes/I funccoltypmods/# funccolcollations/#
  funcparams/#
TABLESAMPLECLAUSE tsmhandler/f args/N repeatable/n
TABLEFUNC ns_uris/N ns_names/s docexpr/n rowexpr/n colnames/s coltypes/I coltypmods/# colcollations/# colexprs/N
  coldefexprs/N notnulls/# ordinalitycol location
WITHCHECKOPTION kind relname polname qual/n cascaded
SORTGROUPCLAUSE tleSortGroupRef/v eqop/o sortop/o nulls_first hashable
GROUPINGSET kind content/P location
WINDOWCLAUSE name refname partitionClause/N orderClause/N frameOptions startOffset/n endOffset/n runCondition/N
  startInRangeFunc/f endInRangeFunc/f inRangeColl inRangeAsc inRangeNullsFirst winref copiedOrder
ROWMARKCLAUSE rti/v strength waitPolicy pushedDown
COMMONTABLEEXPR ctename/v aliascolnames/s ctematerialized ctequery/p search_clause/n cycle_clause/n location
  cterecursive cterefcount ctecolnames/s ctecoltypes/T ctecoltypmods/# ctecolcollations/#
CTESEARCHCLAUSE search_col_list/s search_breadth_first search_seq_column location
CTECYCLECLAUSE cycle_col_list/s cycle_mark_column cycle_mark_value/n cycle_mark_default/n cycle_path_column location
  cycle_mark_type/t cycle_mark_typmod cycle_mark_collation cycle_mark_neop/o
MERGEACTION matched commandType/v override qual/p targetList/P updateColnos/#
SETOPERATIONSTMT op all larg/n rarg/n colTypes/T colTypmods/# colCollations/# groupClauses/N
VAR varno/v varattno/v vartype/v vartypmod varcollid varnullingrels/# varlevelsup/v varnosyn varattnosyn location
CONST consttype/i consttypmod constcollid constlen constbyval constisnull location constvalue/d
PARAM paramkind/v paramid paramtype/i paramtypmod paramcollid location
AGGREF aggfnoid/f aggtype/t aggcollid inputcollid aggtranstype aggargtypes/T aggdirectargs/N args/N aggorder/N
  aggdistinct/N aggfilter/n aggstar aggvariadic aggkind aggpresorted agglevelsup aggsplit aggno aggtransno location
GROUPINGFUNC args/N refs/# cols/# agglevelsup location
WINDOWFUNC winfnoid/f wintype/t wincollid inputcollid args/N aggfilter/n winref winstar winagg location
SUBSCRIPTINGREF refcontainertype/t refelemtype/t refrestype/t reftypmod refcollid refupperindexpr/N reflowerindexpr/N
  refexpr/n refassgnexpr/n
FUNCEXPR funcid/f funcresulttype/i funcretset funcvariadic funcformat funccollid inputcollid args/N location
NAMEDARGEXPR arg/n name argnumber location
OPEXPR opno/o opfuncid/f opresulttype/t opretset opcollid inputcollid args/N location
DISTINCTEXPR opno/o opfuncid/f opresulttype/t opretset opcollid inputcollid args/N location
NULLIFEXPR opno/o opfuncid/f opresulttype/t opretset opcollid inputcollid args/N location
SCALARARRAYOPEXPR opno/o opfuncid/f hashfuncid/f negfuncid/f useOr inputcollid args/N location
BOOLEXPR boolop args/N location
SUBLINK subLinkType/v subLinkId testexpr/n operName/s subselect/p location
FIELDSELECT arg/n fieldnum/v resulttype/t resulttypmod resultcollid
FIELDSTORE arg/n newvals/N fieldnums/# resulttype/i
RELABELTYPE arg/n resulttype/i resulttypmod resultcollid relabelformat location
COERCEVIAIO arg/n resulttype/i resultcollid coerceformat location
ARRAYCOERCEEXPR arg/n elemexpr/n resulttype/i resulttypmod resultcollid coerceformat location
CONVERTROWTYPEEXPR arg/n resulttype/i convertformat location
COLLATEEXPR arg/n collOid location
CASEEXPR casetype/t casecollid arg/n args/N defresult/n location
CASEWHEN expr/n result/n location
CASETESTEXPR typeId/t typeMod collation
ARRAYEXPR array_typeid/t array_collid element_typeid/t elements/N multidims location
ROWEXPR args/N row_typeid/t row_format colnames/s location
ROWCOMPAREEXPR rctype opnos/O opfamilies/# inputcollids/# largs/N rargs/N
COALESCEEXPR coalescetype/t coalescecollid args/N location
MINMAXEXPR minmaxtype/t minmaxcollid inputcollid op args/N location
SQLVALUEFUNCTION op type/t typmod location
XMLEXPR op name named_args/N arg_names/s args/N xmloption indent type/t typmod location
JSONFORMAT format_type encoding location
JSONRETURNING format/n typid/i typmod
JSONVALUEEXPR raw_expr/n formatted_expr/n format/n
JSONCONSTRUCTOREXPR type args/N func/n coercion/n returning/n absent_on_null unique location
JSONISPREDICATE expr/n format/n item_type unique_keys location
NULLTEST arg/n nulltesttype argisrow location
BOOLEANTEST arg/n booltesttype location
COERCETODOMAIN arg/n resulttype/i resulttypmod resultcollid coercionformat location
COERCETODOMAINVALUE typeId/i typeMod collation location
SETTODEFAULT typeId/t typeMod collation location
NEXTVALUEEXPR seqid/v typeId/t
INFERENCEELEM expr/n infercollid inferopclass/v
TARGETENTRY expr/n resno/v resname ressortgroupref/v resorigtbl resorigcol resjunk/v
RANGETBLREF rtindex/v
JOINEXPR jointype isNatural larg/p rarg/p usingClause/s join_using_alias/l quals/p alias/l rtindex
FROMEXPR fromlist/P quals/p
ONCONFLICTEXPR action/v arbiterElems/N arbiterWhere/n constraint onConflictSet/P onConflictWhere/p exclRelIndex/v
  exclRelTlist/P
ALIAS aliasname colnames/s
"""

# What PostgreSQL 15 prints otherwise: its printing functions were still written by hand.
_FIFTEEN: Final = """
QUERY commandType/v querySource canSetTag utilityStmt/p resultRelation/v hasAggs hasWindowFuncs hasTargetSRFs
  hasSubLinks hasDistinctOn hasRecursive hasModifyingCTE hasForUpdate hasRowSecurity isReturn cteList/P rtable/P
  jointree/p targetList/P override onConflict/p returningList/P groupClause/P groupDistinct groupingSets/P havingQual/p
  windowClause/P distinctClause/P sortClause/P limitOffset/p limitCount/p limitOption rowMarks/P setOperations/p
  constraintDeps/# withCheckOptions/P mergeActionList/P mergeUseOuterJoin stmt_location stmt_len
RANGETBLENTRY/0 relid/v relkind/v rellockmode tablesample/n lateral inh/v inFromCl requiredPerms checkAsUser
  selectedCols/# insertedCols/# updatedCols/# extraUpdatedCols/# securityQuals/N
RANGETBLENTRY/1 subquery/p security_barrier lateral inh inFromCl requiredPerms checkAsUser selectedCols/#
  insertedCols/# updatedCols/# extraUpdatedCols/# securityQuals/N
RANGETBLENTRY/2 jointype joinmergedcols joinaliasvars/P joinleftcols/# joinrightcols/# join_using_alias/l lateral inh
  inFromCl requiredPerms checkAsUser selectedCols/# insertedCols/# updatedCols/# extraUpdatedCols/# securityQuals/N
RANGETBLENTRY/3 functions/N funcordinality lateral inh inFromCl requiredPerms checkAsUser selectedCols/#
  insertedCols/# updatedCols/# extraUpdatedCols/# securityQuals/N
RANGETBLENTRY/4 tablefunc/n lateral inh inFromCl requiredPerms checkAsUser selectedCols/# insertedCols/#
  updatedCols/# extraUpdatedCols/# securityQuals/N
RANGETBLENTRY/5 values_lists/N coltypes/T coltypmods/# colcollations/# lateral inh inFromCl requiredPerms checkAsUser
  selectedCols/# insertedCols/# updatedCols/# extraUpdatedCols/# securityQuals/N
RANGETBLENTRY/6 ctename/v ctelevelsup/v self_reference/v coltypes/T coltypmods/# colcollations/# lateral inh inFromCl
  requiredPerms checkAsUser selectedCols/# insertedCols/# updatedCols/# extraUpdatedCols/# securityQuals/N
RANGETBLENTRY/8 lateral inh inFromCl requiredPerms checkAsUser selectedCols/# insertedCols/# updatedCols/#
  extraUpdatedCols/# securityQuals/N
VAR varno/v varattno/v vartype/v vartypmod varcollid varlevelsup/v varnosyn varattnosyn location
AGGREF aggfnoid/f aggtype/t aggcollid inputcollid aggtranstype aggargtypes/T aggdirectargs/N args/N aggorder/N
  aggdistinct/N aggfilter/n aggstar aggvariadic aggkind agglevelsup aggsplit aggno aggtransno location
XMLEXPR op name named_args/N arg_names/s args/N xmloption type/t typmod location
"""

# What PostgreSQL 14 prints otherwise than 15: no MERGE yet.
_FOURTEEN: Final = """
QUERY commandType/v querySource canSetTag utilityStmt/p resultRelation/v hasAggs hasWindowFuncs hasTargetSRFs
  hasSubLinks hasDistinctOn hasRecursive hasModifyingCTE hasForUpdate hasRowSecurity isReturn cteList/P rtable/P
  jointree/p targetList/P override onConflict/p returningList/P groupClause/P groupDistinct groupingSets/P havingQual/p
  windowClause/P distinctClause/P sortClause/P limitOffset/p limitCount/p limitOption rowMarks/P setOperations/p
  constraintDeps/# withCheckOptions/P stmt_location stmt_len
SCALARARRAYOPEXPR opno/o opfuncid/f hashfuncid/f useOr inputcollid args/N location
WINDOWCLAUSE name refname partitionClause/N orderClause/N frameOptions startOffset/n endOffset/n startInRangeFunc/f
  endInRangeFunc/f inRangeColl inRangeAsc inRangeNullsFirst winref copiedOrder
"""

# What PostgreSQL 13 prints otherwise than 14.
_THIRTEEN: Final = """
QUERY commandType/v querySource canSetTag utilityStmt/p resultRelation/v hasAggs hasWindowFuncs hasTargetSRFs
  hasSubLinks hasDistinctOn hasRecursive hasModifyingCTE hasForUpdate hasRowSecurity cteList/P rtable/P
  jointree/p targetList/P override onConflict/p returningList/P groupClause/P groupingSets/P havingQual/p
  windowClause/P distinctClause/P sortClause/P limitOffset/p limitCount/p limitOption rowMarks/P setOperations/p
  constraintDeps/# withCheckOptions/P stmt_location stmt_len
RANGETBLENTRY/2 jointype joinmergedcols joinaliasvars/P joinleftcols/# joinrightcols/# lateral inh inFromCl
  requiredPerms checkAsUser selectedCols/# insertedCols/# updatedCols/# extraUpdatedCols/# securityQuals/N
COMMONTABLEEXPR ctename/v aliascolnames/s ctematerialized ctequery/p location cterecursive cterefcount ctecolnames/s
  ctecoltypes/T ctecoltypmods/# ctecolcollations/#
AGGREF aggfnoid/f aggtype/t aggcollid inputcollid aggtranstype aggargtypes/T aggdirectargs/N args/N aggorder/N
  aggdistinct/N aggfilter/n aggstar aggvariadic aggkind agglevelsup aggsplit location
SUBSCRIPTINGREF refcontainertype/t refelemtype/t reftypmod refcollid refupperindexpr/N reflowerindexpr/N refexpr/n
  refassgnexpr/n
SCALARARRAYOPEXPR opno/o opfuncid/f useOr inputcollid args/N location
JOINEXPR jointype isNatural larg/p rarg/p usingClause/s quals/p alias/l rtindex
"""

# What PostgreSQL 17 prints otherwise than 16.
_SEVENTEEN: Final = """
QUERY commandType/v querySource canSetTag utilityStmt/p resultRelation/v hasAggs hasWindowFuncs hasTargetSRFs
  hasSubLinks hasDistinctOn hasRecursive hasModifyingCTE hasForUpdate hasRowSecurity isReturn cteList/P rtable/P
  rteperminfos/P jointree/p mergeActionList/P mergeTargetRelation/v mergeJoinCondition/p targetList/P override
  onConflict/p returningList/P groupClause/P groupDistinct groupingSets/P havingQual/p windowClause/P distinctClause/P
  sortClause/P limitOffset/p limitCount/p limitOption rowMarks/P setOperations/p constraintDeps/# withCheckOptions/P
  stmt_location stmt_len
RANGETBLENTRY/0 relid/v inh/v relkind/v rellockmode perminfoindex tablesample/n lateral inFromCl securityQuals/N
RANGETBLENTRY/1 subquery/p security_barrier relid/v inh relkind rellockmode perminfoindex lateral inFromCl
  securityQuals/N
RANGETBLENTRY/2 jointype joinmergedcols joinaliasvars/P joinleftcols/# joinrightcols/# join_using_alias/l lateral
  inFromCl securityQuals/N
RANGETBLENTRY/3 functions/N funcordinality lateral inFromCl securityQuals/N
RANGETBLENTRY/4 tablefunc/n lateral inFromCl securityQuals/N
RANGETBLENTRY/5 values_lists/N coltypes/T coltypmods/# colcollations/# lateral inFromCl securityQuals/N
RANGETBLENTRY/6 ctename/v ctelevelsup/v self_reference/v coltypes/T coltypmods/# colcollations/# lateral inFromCl
  securityQuals/N
RANGETBLENTRY/8 lateral inFromCl securityQuals/N
TABLEFUNC functype ns_uris/N ns_names/s docexpr/n rowexpr/n colnames/s coltypes/I coltypmods/# colcollations/#
  colexprs/N coldefexprs/N colvalexprs/N passingvalexprs/N notnulls/# plan/n ordinalitycol location
WINDOWCLAUSE name refname partitionClause/N orderClause/N frameOptions startOffset/n endOffset/n startInRangeFunc/f
  endInRangeFunc/f inRangeColl inRangeAsc inRangeNullsFirst winref copiedOrder
MERGEACTION matchKind commandType/v override qual/p targetList/P updateColnos/#
WINDOWFUNC winfnoid/f wintype/t wincollid inputcollid args/N aggfilter/n runCondition/N winref winstar winagg location
WINDOWFUNCRUNCONDITION opno/o inputcollid wfunc_left arg/n
MERGESUPPORTFUNC msftype/t msfcollid location
JSONBEHAVIOR btype expr/n coerce location
JSONEXPR op column_name formatted_expr/n format/n path_spec/n returning/n passing_names/s passing_values/N on_empty/n
  on_error/n use_io_coercion use_json_coercion wrapper omit_quotes collation location
JSONTABLEPATH value/n name
JSONTABLEPATHSCAN path/n errorOnError child/n colMin colMax
JSONTABLESIBLINGJOIN lplan/n rplan/n
"""

# What PostgreSQL 18 prints otherwise than 17.
_EIGHTEEN: Final = """
QUERY commandType/v querySource canSetTag utilityStmt/p resultRelation/v hasAggs hasWindowFuncs hasTargetSRFs
  hasSubLinks hasDistinctOn hasRecursive hasModifyingCTE hasForUpdate hasRowSecurity hasGroupRTE isReturn cteList/P
  rtable/P rteperminfos/P jointree/p mergeActionList/P mergeTargetRelation/v mergeJoinCondition/p targetList/P override
  onConflict/p returningOldAlias returningNewAlias returningList/P groupClause/P groupDistinct groupingSets/P
  havingQual/p windowClause/P distinctClause/P sortClause/P limitOffset/p limitCount/p limitOption rowMarks/P
  setOperations/p constraintDeps/# withCheckOptions/P stmt_location stmt_len
RANGETBLENTRY/9 groupexprs/P lateral inFromCl securityQuals/N
SORTGROUPCLAUSE tleSortGroupRef/v eqop/o sortop/o reverse_sort nulls_first hashable
VAR varno/v varattno/v vartype/v vartypmod varcollid varnullingrels/# varlevelsup/v varreturningtype varnosyn
  varattnosyn location
ARRAYEXPR array_typeid/t array_collid element_typeid/t elements/N multidims list_start list_end location
ROWCOMPAREEXPR cmptype opnos/O opfamilies/# inputcollids/# largs/N rargs/N
RETURNINGEXPR retlevelsup retold retexpr/n
"""


class Grammar:
    """All shapes of one major."""

    __slots__ = ("major", "shapes")

    def __init__(self, major: int, shapes: Mapping[str, Shape]) -> None:
        self.major = major
        self.shapes = shapes


def _lines(table: str) -> dict[str, list[str]]:
    """Node name -> its fields with roles; indented lines continue the one before."""
    found: dict[str, list[str]] = {}
    name = ""
    for line in table.strip("\n").split("\n"):
        words = line.split()
        if not line.startswith(" "):
            name, words = words[0], words[1:]
            found[name] = []
        found[name] += words
    return found


def _shape(name: str, words: list[str], prefix: Shape | None) -> Shape:
    fields: list[str] = []
    roles: list[int] = []
    variant = -1
    for i, word in enumerate(words):
        field, _, letter = word.partition("/")
        fields.append(field)
        roles.append(int(_ROLES[letter]) if letter else int(Role.PLAIN))
        if letter == "=":
            variant = i
    return Shape(name, tuple(fields), tuple(roles), variant, prefix)


def _grammar(
    major: int, *changes: str, dropped: tuple[str, ...] = (), renamed: Mapping[str, str] = MappingProxyType({})
) -> Grammar:
    lines = _lines(_BASE)
    for name in dropped:
        del lines[name]
    for table in changes:
        lines.update(_lines(table))
    shapes: dict[str, Shape] = {}
    for name, words in lines.items():
        base, slash, variant = name.partition("/")
        base = renamed.get(base, base)
        shapes[base + slash + variant] = _shape(base, words, shapes[base] if variant else None)
    return Grammar(major, MappingProxyType(shapes))


_BEFORE_SIXTEEN: Final = (
    "RTEPERMISSIONINFO",
    "JSONFORMAT",
    "JSONRETURNING",
    "JSONVALUEEXPR",
    "JSONCONSTRUCTOREXPR",
    "JSONISPREDICATE",
)
_BEFORE_FIFTEEN: Final = (*_BEFORE_SIXTEEN, "MERGEACTION")

_OLD_NAMES: Final = MappingProxyType(
    {
        "RANGETBLENTRY": "RTE",
        "COLLATEEXPR": "COLLATE",
        "CASEEXPR": "CASE",
        "CASEWHEN": "WHEN",
        "ARRAYEXPR": "ARRAY",
        "ROWEXPR": "ROW",
        "ROWCOMPAREEXPR": "ROWCOMPARE",
        "COALESCEEXPR": "COALESCE",
        "MINMAXEXPR": "MINMAX",
    }
)

GRAMMARS: Final[Mapping[int, Grammar]] = MappingProxyType(
    {
        13: _grammar(13, _FIFTEEN, _FOURTEEN, _THIRTEEN, dropped=_BEFORE_FIFTEEN, renamed=_OLD_NAMES),
        14: _grammar(14, _FIFTEEN, _FOURTEEN, dropped=_BEFORE_FIFTEEN, renamed=_OLD_NAMES),
        15: _grammar(15, _FIFTEEN, dropped=_BEFORE_SIXTEEN),
        16: _grammar(16),
        17: _grammar(17, _SEVENTEEN),
        18: _grammar(18, _SEVENTEEN, _EIGHTEEN),
    }
)
