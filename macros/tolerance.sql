{# Whether a difference is inside the tolerance of a row: multiplied, so that engines agree. #}
{% macro is_within_percent(difference, base) -%}
abs({{ difference }})
<= cast({{ var('tolerance_pct') }} as decimal(6, 4)) * abs({{ base }})
{%- endmacro %}

{% macro is_within_amount(difference) -%}
abs({{ difference }}) <= cast({{ var('tolerance_usd') }} as decimal(18, 6))
{%- endmacro %}
