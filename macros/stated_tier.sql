{#
    The service tier that a row states; null where it states none. `auto` is a wish, not a tier, and
    what a log holds by default it may hold of every call: the caller says what counts for nothing.
#}
{% macro stated_tier(row, unstated=['', 'auto']) -%}
case
    when {{ row }}.is_batch then 'batch'
    when lower(trim({{ row }}.service_tier)) not in ('{{ unstated | join("', '") }}')
        then lower(trim({{ row }}.service_tier))
end
{%- endmacro %}
