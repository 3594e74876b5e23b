{#
    A whole number that tells rows apart by the text of the columns; the same row has the same
    number on one engine, not across engines. Sums of it stay exact.
#}
{% macro row_hash(columns) %}{{ return(adapter.dispatch('row_hash')(columns)) }}{% endmacro %}

{% macro default__row_hash(columns) -%}
cast(hash({{ columns | join(', ') }}) as decimal(20, 0))
{%- endmacro %}

{% macro postgres__row_hash(columns) -%}
cast(hashtextextended(
    {%- for column in columns %}
    coalesce(cast({{ column }} as text), chr(30)){{ ' || chr(31) ||' if not loop.last }}
    {%- endfor %}, 0
) as decimal(20, 0))
{%- endmacro %}

{% macro spark__row_hash(columns) -%}
cast(xxhash64(
    {%- for column in columns %}
    coalesce(cast({{ column }} as string), chr(30)){{ ',' if not loop.last }}
    {%- endfor %}
) as decimal(20, 0))
{%- endmacro %}

{# The names of a relation's columns, for row_hash. #}
{% macro column_names(relation) %}
    {%- set columns = adapter.get_columns_in_relation(relation) if execute else [] -%}
    {{ return(columns | map(attribute='quoted') | list or ['1']) }}
{% endmacro %}

{#
    The row_hash of the rows of a view over the application's own table, which may change them; 0
    where a file was loaded, as its rows never do. On Spark it is always a view, over files.
#}
{% macro own_rows_hash(relation) %}
    {%- set found = load_relation(relation) if execute else none -%}
    {%- if found and found.is_view and target.type != 'spark' -%}
        {{ return(row_hash(column_names(relation))) }}
    {%- endif -%}
    {{ return('cast(0 as decimal(20, 0))') }}
{% endmacro %}
