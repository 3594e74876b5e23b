{#
    The UTC day under which a row is rebuilt: its own, or the first of all days where it has
    none, as what has no date must be found again too.
#}
{% macro day_key(usage_date) -%}
coalesce({{ usage_date }}, cast('0001-01-01' as date))
{%- endmacro %}
