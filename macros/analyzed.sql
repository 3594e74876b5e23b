{#
    A hook: on Postgres the rows of a table are counted and sampled as soon as it is made. Its next
    readers come within the second, long before autovacuum, and are planned for what it knows.
#}
{% macro analyzed() %}
{% if target.type == 'postgres' and config.get('materialized') != 'view' %}
analyze {{ this }}
{% endif %}
{% endmacro %}
