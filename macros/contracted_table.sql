{#
    dbt-postgres creates a contracted table empty and inserts into it, which Postgres does in one
    process. Made by its query, with the types of the contract, it uses as many as it can have.
    A model with constraints is left to dbt-postgres.
#}
{% macro postgres__create_table_as(temporary, relation, sql) -%}
{%- if temporary or not config.get('contract').enforced or has_constraints() -%}
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

{% macro has_constraints() %}
{{ return(model.constraints or model.columns.values() | selectattr('constraints') | list) }}
{% endmacro %}
