{#
    What an amount is under a row of pricing_hypotheses, before rounding: list price, with each class
    that the hypothesis counts otherwise taken off or added, times a factor, and a fee.
#}
{% macro hypothesis_usd(hypothesis, price) -%}
cast(
    {{ hypothesis }}.factor * cast(
        {{ price }}.listed_usd
        {%- for coefficient, class_usd in classes_counted_otherwise().items() %}
        + case
            when {{ hypothesis }}.{{ coefficient }} = 0 then 0
            else {{ hypothesis }}.{{ coefficient }} * {{ price }}.{{ class_usd }}
        end
        {%- endfor %}
        as decimal(30, 18)
    )
    + {{ hypothesis }}.fee * {{ price }}.fee_usd
    as decimal(30, 18)
)
{%- endmacro %}

{# The same in doubles, which are quick: good to choose by, not to decide by. #}
{% macro hypothesis_estimate(hypothesis, price) -%}
{{ hypothesis }}.factor_estimate * (
    {{ price }}.listed_usd_estimate
    {%- for coefficient, class_usd in classes_counted_otherwise().items() %}
    + {{ hypothesis }}.{{ coefficient }}_estimate * {{ price }}.{{ class_usd }}_estimate
    {%- endfor %}
)
+ {{ hypothesis }}.fee_estimate * {{ price }}.fee_usd_estimate
{%- endmacro %}

{# How often more than the list price each class of tokens counts, and what it costs. #}
{% macro classes_counted_otherwise() -%}
{{ return({
    'more_uncached': 'uncached_usd',
    'more_cached': 'cached_usd',
    'more_cached_at_input_price': 'cached_at_input_usd',
    'more_cache_write': 'cache_write_usd',
    'more_cache_write_at_input_price': 'cache_write_at_input_usd',
    'more_output': 'output_usd',
    'more_reasoning': 'reasoning_usd',
}) }}
{%- endmacro %}

{# Columns as doubles, an unknown one as 0: what is unknown the decimals decide. #}
{% macro estimates(columns) -%}
{%- for column in columns %}
cast(coalesce({{ column }}, 0) as {{ type_double() }}) as {{ column }}_estimate
{{- "," if not loop.last }}
{%- endfor %}
{%- endmacro %}

{# The costs of these classes as columns, where a condition holds: else they are unknown. #}
{% macro known_class_costs(condition) -%}
{%- for class_usd in classes_counted_otherwise().values() %}
cast(case when {{ condition }} then {{ class_usd }} end as decimal(30, 18)) as {{ class_usd }}
{{- "," if not loop.last }}
{%- endfor %}
{%- endmacro %}
