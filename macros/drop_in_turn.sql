{#
    Postgres locks what depends on a view or a table one by one while `cascade` drops it. Two
    threads that drop relations with the same dependants can each hold what the other waits for,
    which Postgres ends as a deadlock and dbt as a failed build. So drops take turns: the lock is
    of the statement's own transaction, and released with it.
#}
{% macro postgres__drop_view(relation) -%}
    {{ drop_in_turn(relation) }}
{%- endmacro %}

{% macro postgres__drop_table(relation) -%}
    {{ drop_in_turn(relation) }}
{%- endmacro %}

{% macro drop_in_turn(relation) -%}
    select pg_advisory_xact_lock(hashtext('{{ project_name }} drops'));
    drop {{ relation.type }} if exists {{ relation }} cascade
{%- endmacro %}
