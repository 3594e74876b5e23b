{#
    The cause that the rows of a group share, `several` where they have more than one; rows without
    a cause do not count. Rows that are ambiguous between other causes have another cause.
#}
{% macro common_cause(cause) -%}
{%- set told_apart -%}
case when {{ cause }} = 'ambiguous' then {{ cause }} || cause_candidates else {{ cause }} end
{%- endset -%}
case
    when min({{ told_apart }}) <> max({{ told_apart }}) then 'several'
    else max({{ cause }})
end
{%- endmacro %}

{% macro common_candidates() -%}
case when min(cause_candidates) = max(cause_candidates) then max(cause_candidates) end
{%- endmacro %}
