{#
    DuckDB looks for a dictionary in every column of text, which takes longer than to write it and
    finds none where each row has a value of its own. A model names these columns in its meta, as
    `unique_texts`: they are written as they are, all others as DuckDB thinks best. How a column is
    stored can only be said where its table is made column by column, not from a query.
#}
{% macro duckdb__create_table_as(
    temporary, relation, compiled_code, language='sql', partitioned_by=none, sorted_by=none
) -%}
{%- set unique_texts = config.get('meta', {}).get('unique_texts', []) -%}
{%- if temporary or not unique_texts -%}
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
insert into {{ relation }}
select {{ names | join(', ') }} from (
    {{ compiled_code }}
) as uncompressed
{%- endif -%}
{%- endmacro %}
