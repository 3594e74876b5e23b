{#
    The days of a relation and those beside them, as far as matching by time reaches: a match
    decides on the next one, so twice fallback_match_seconds, but at least a day.
#}
{% macro neighbouring_days(days) %}
    {%- set reach = [1, ((2 * var('fallback_match_seconds') + 86399) // 86400) | int] | max -%}
    select usage_date
    from {{ days }}
    {%- for distance in range(1, reach + 1) %}

    union

    select cast(usage_date + interval '1' day * {{ distance }} as date)
    from {{ days }}

    union

    select cast(usage_date - interval '1' day * {{ distance }} as date)
    from {{ days }}
    where usage_date > {{ day_key('null') }}
    {%- endfor %}
{% endmacro %}
