"""HTTP requests of other databases' own interfaces -> what they touch, as far as their route says.

Map:
    codes       why a request could not be established: the closed set behind ``incomplete``
    request     one HTTP request; its path and query read strictly: one spelling, or none
    table       method, host and path template -> the route; what no route is for is denied
    reading     the reader of each kind of route
    found       what a reader found, as statement facts; what it could not read, as incomplete ones
    bodies      JSON bodies, held to one reading
    fixed       routes that say themselves which columns they are about
    search      OpenSearch and Elasticsearch: `_search`, `_count`; aggregations
    search_query  their query language
    postgrest   `?select=`, filters, embedding
    dynamodb    `X-Amz-Target`, projection and condition expressions
    sqltext     SQL of ClickHouse and Trino, by another parser than theirs; only with the extra `routes`
    sql_http    how these two are sent SQL

Nobody here asks the database: the facts are ``inferred``, and data about people needs a datasource that trusts that. So
readers are deny-by-default: what is not on a list is not understood. Pure: no socket, no clock.
"""
