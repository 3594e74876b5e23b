{#
    What an earlier build left in a model's table, as a select of columns (name -> type): no row
    in a whole build, which asks for nothing that was before. A ref() would be a circle.
#}
{% macro kept_rows(model_name, columns) -%}
{%- if is_whole_build() -%}
select
    {%- for name, type in columns.items() %}
    cast(null as {{ type }}) as {{ name }}{{ ',' if not loop.last }}
    {%- endfor %}
where false
{%- else -%}
select {{ columns.keys() | join(', ') }} from {{ existing_relation(model_name) }}
{%- endif -%}
{%- endmacro %}
