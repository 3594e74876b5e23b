{#
    A hook: what Postgres would do to a table by itself, but too late or in vain. Its rows are
    counted and sampled as soon as it is made: its next readers come within the second, long before
    autovacuum, and are planned for what it knows. Of a table that is kept from build to build a
    small sample tells enough, and costs no more than the rows that a build adds. One that the next
    build makes anew is left alone by autovacuum: it would find nothing to clear away, and a build
    that comes meanwhile waits a second for it (deadlock_timeout) before it gives way.
#}
{% macro maintained() %}
{% if target.type == 'postgres' and config.get('materialized') != 'view' %}
{%- if config.get('materialized') == 'incremental' %}
set local default_statistics_target = 10;
{%- elif config.get('materialized') == 'table' %}
alter table {{ this }} set (autovacuum_enabled = false);
{%- endif %}
analyze {{ this }}
{% endif %}
{% endmacro %}
