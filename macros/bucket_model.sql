{#
    The model under which a row is compared day by day: its own, `(none)` where it names none,
    `(all)` on a day of int_ungrouped_days, on which models cannot be told apart.
#}
{% macro bucket_model(model, ungrouped_days) -%}
case
    when {{ ungrouped_days }}.usage_date is not null then '(all)'
    else coalesce({{ model }}, '(none)')
end
{%- endmacro %}
