{# A price as people write it in the price list: 2.5, without the zeros; empty where there is none. #}
{% macro plain_price(price) -%}
coalesce(
    regexp_replace(
        cast(cast({{ price }} as decimal(18, 6)) as {{ dbt.type_string() }}), '[.]?0+$', ''
    ),
    ''
)
{%- endmacro %}
