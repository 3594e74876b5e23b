{#
    The end of a query whose columns Postgres must compute once for each row. It would otherwise
    write them into every place that reads them: a price that five columns are compared by is then
    multiplied out five times. What reads such a query is computed by one process.
#}
{% macro computed_once() -%}
{%- if target.type == 'postgres' %} offset 0 {% endif -%}
{%- endmacro %}
