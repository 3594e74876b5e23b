{#
    A condition that a moment lies near the days of a model's table: between the first and the
    last of them in each month. It only lets an engine pass over what is stored of other times; a
    join decides. True where that table is not there yet.
#}
{% macro within_days(moment, model_name) -%}
{%- set days = none if is_whole_build() else existing_relation(model_name) -%}
{%- if not days -%}
true
{%- else -%}
{%- set periods = run_query(
    "select cast(min(usage_date) as " ~ dbt.type_string() ~ "), "
    ~ "cast(cast(max(usage_date) + interval '1' day as date) as " ~ dbt.type_string() ~ ") "
    ~ "from " ~ days ~ " group by date_trunc('month', usage_date) order by min(usage_date)"
).rows -%}
{%- if periods | length > 24 -%}
    {%- set periods = [(periods[0][0], periods[-1][1])] -%}
{%- endif -%}
(
    {{ moment }} is null
    {%- for begin, end in periods %}
    or (
        {{ moment }} >= cast('{{ begin }}' as timestamp)
        and {{ moment }} < cast('{{ end }}' as timestamp)
    )
    {%- endfor %}
)
{%- endif -%}
{%- endmacro %}
