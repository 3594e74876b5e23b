{#
    The cause that the rows of a group share, `several` where they have more than one; rows without
    a cause do not count. Rows that are ambiguous between other causes have another cause.
#}
{% macro common_cause(cause) -%}
case
    when
        count(
            distinct case
                when {{ cause }} = 'ambiguous' then {{ cause }} || cause_candidates
                else {{ cause }}
            end
        ) > 1
        then 'several'
    else max({{ cause }})
end
{%- endmacro %}

{% macro common_candidates() -%}
case when count(distinct cause_candidates) = 1 then max(cause_candidates) end
{%- endmacro %}
