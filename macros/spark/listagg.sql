{# dbt-spark's own macro knows no order. #}
{% macro spark__listagg(measure, delimiter_text, order_by_clause, limit_num) -%}
listagg({{ measure }}, {{ delimiter_text }})
{%- if order_by_clause %} within group ({{ order_by_clause }}){% endif %}
{%- endmacro %}
