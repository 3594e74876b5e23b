{#
    The service tier that a line states: batch where its flag says so, default where it names none,
    or one that only says that nothing was asked for.
#}
{% macro stated_tier(is_batch, service_tier) -%}
case
    when {{ is_batch }} then 'batch'
    when lower({{ service_tier }}) not in ('auto', 'standard', '')
        then lower({{ service_tier }})
    else 'default'
end
{%- endmacro %}
