{#
    A ratio for display: decimal(18, 6) unless a type is named, null where the base is 0 or the ratio is absurdly large.
    DuckDB divides decimals as doubles, so a ratio that ends exactly in half a millionth could
    round down there and up elsewhere; the factor moves it off that edge on every engine.
#}
{% macro ratio(part, base, type='decimal(18, 6)') %}
{%- set quotient = adapter.dispatch('quotient')(part, base) -%}
case
    when abs({{ quotient }}) < 100000000000
        then cast({{ quotient }} * 1.00000000000001 as {{ type }})
end
{%- endmacro %}

{% macro default__quotient(part, base) -%}
cast({{ part }} as decimal(30, 18)) / nullif(cast({{ base }} as decimal(30, 18)), 0)
{%- endmacro %}

{# Spark has too few digits for the quotient of two such decimals, and would make it null. #}
{% macro spark__quotient(part, base) -%}
cast({{ part }} as double) / nullif(cast({{ base }} as double), 0)
{%- endmacro %}
