{#
    A hook: on Postgres the rows of a table are counted and sampled as soon as it is made. Its next
    readers come within the second, long before autovacuum, and are planned for what it knows. Of a
    table that is kept from build to build a small sample tells enough, and costs no more than the
    rows that a build adds.
#}
{% macro analyzed() %}
{% if target.type == 'postgres' and config.get('materialized') != 'view' %}
{%- if config.get('materialized') == 'incremental' %}
set local default_statistics_target = 10;
{%- endif %}
analyze {{ this }}
{% endif %}
{% endmacro %}
