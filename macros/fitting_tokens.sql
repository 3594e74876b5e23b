{# A sum of tokens as bigint; null beyond 18 digits, which no count of tokens is. #}
{% macro fitting_tokens(total) -%}
cast(case when {{ total }} < 1000000000000000000 then {{ total }} end as bigint)
{%- endmacro %}
