{#
    How a table is made on DuckDB is said by its model's meta:

    unique_texts: columns in which each row has a text of its own. DuckDB looks for a dictionary in
    every column of text, which takes longer than to write it. These are written as they are, all
    others as DuckDB thinks best; that can only be said where a table is made column by column.

    is_made_in_passes: whether it is filled a span of days at a time (macros/passes.sql).
#}
{% macro duckdb__create_table_as(
    temporary, relation, compiled_code, language='sql', partitioned_by=none, sorted_by=none
) -%}
{%- set meta = {} if temporary else config.get('meta', {}) -%}
{%- set unique_texts = meta.get('unique_texts', []) -%}
{%- set passes = later_passes() if meta.get('is_made_in_passes') else [] -%}
{%- if not unique_texts and not passes -%}
{{ dbt.duckdb__create_table_as(
    temporary, relation, compiled_code, language, partitioned_by, sorted_by
) }}
{%- else -%}
{%- set types = {} -%}
{%- for column in adapter.get_column_schema_from_query(compiled_code) -%}
    {%- do types.update({column.name: column.data_type}) -%}
{%- endfor -%}
{%- set names = types.keys() | list -%}
{%- if config.get('contract').enforced -%}
    {{ get_assert_columns_equivalent(compiled_code) }}
    {%- set names = model.columns.keys() | list -%}
{%- endif -%}
create table {{ relation }} (
    {%- for name in names %}
    {{ name }} {{ types[name] }}
    {{- " using compression 'uncompressed'" if name in unique_texts }}
    {{- ',' if not loop.last }}
    {%- endfor %}
);
{% set insert -%}
insert into {{ relation }}
select {{ names | join(', ') }} from (
    {{ compiled_code }}
) as made
{%- endset -%}
{{ inserted_in_passes(insert, passes) if passes else insert }}
{%- endif -%}
{%- endmacro %}
