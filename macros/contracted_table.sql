{#
    dbt-postgres creates a contracted table empty and inserts into it, which Postgres does in one
    process. Made by its query, with the types of the contract, it uses as many as it can have.
    A model that asks for more than columns and types is left to dbt-postgres.
#}
{% macro postgres__create_table_as(temporary, relation, sql) -%}
{%- if temporary or not config.get('contract').enforced or asks_for_more_than_types() -%}
{{ dbt.postgres__create_table_as(temporary, relation, sql) }}
{%- else -%}
{{ get_assert_columns_equivalent(sql) }}
create table {{ relation }} as
select
    {%- for column in model.columns.values() %}
    cast({{ column.name }} as {{ column.data_type }}) as {{ column.name }}
    {{- ',' if not loop.last }}
    {%- endfor %}
from (
    {{ sql }}
) as contracted
{%- endif -%}
{%- endmacro %}

{% macro asks_for_more_than_types() %}
{%- set columns = model.columns.values() -%}
{{ return(
    config.get('sql_header') or config.get('unlogged') or model.constraints
    or columns | selectattr('constraints') | list or columns | selectattr('quote') | list
) }}
{% endmacro %}
