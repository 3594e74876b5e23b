{#
    A ratio for display: decimal(18, 6) unless a type is named, null where the base is 0 or the ratio is absurdly large.
    DuckDB divides decimals as doubles, so a ratio that ends exactly in half a millionth could
    round down there and up elsewhere; the factor moves it off that edge on every engine.
#}
{% macro ratio(part, base, type='decimal(18, 6)') %}
{%- set quotient -%}
    cast({{ part }} as decimal(30, 18)) / nullif(cast({{ base }} as decimal(30, 18)), 0)
{%- endset -%}
case
    when abs({{ quotient }}) < 100000000000
        then cast({{ quotient }} * 1.00000000000001 as {{ type }})
end
{%- endmacro %}
