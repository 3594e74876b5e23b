{#
    dbt makes a relation beside the old one, renames the old one away, the new one into place and
    drops the old one: six statements, of which two are enough for an engine that drops and creates
    within one transaction. Whoever reads meanwhile reads the old one, and so does the next build if
    this one ends early. On Postgres readers wait for the transaction, so only views are made so.
#}
{% materialization view, adapter='duckdb' %}
    {{ return(made_in_place('view')) }}
{% endmaterialization %}

{% materialization view, adapter='postgres' %}
    {{ return(made_in_place('view')) }}
{% endmaterialization %}

{% materialization table, adapter='duckdb' %}
    {{ return(made_in_place('table')) }}
{% endmaterialization %}

{% macro made_in_place(type) %}
    {%- set existing = load_cached_relation(this) -%}
    {%- set made = this.incorporate(type=type) -%}
    {%- if existing and existing.type != type -%}
        {%- do adapter.drop_relation(existing) -%}
    {%- endif -%}
    {{ run_hooks(pre_hooks, inside_transaction=False) }}
    {{ run_hooks(pre_hooks) }}
    {%- call statement('main') -%}
        {{ drop_in_place(made) }};
        {% if type == 'view' -%}
        create view {{ made }} as (
            {{ sql }}
        )
        {%- else -%}
        {{ create_table_as(false, made, sql) }}
        {%- endif %}
    {%- endcall -%}
    {%- do create_indexes(made) -%}
    {%- do apply_grants(made, config.get('grants'), should_revoke(existing)) -%}
    {%- do persist_docs(made, model) -%}
    {{ run_hooks(post_hooks) }}
    {%- do adapter.commit() -%}
    {{ run_hooks(post_hooks, inside_transaction=False) }}
    {{ return({'relations': [made]}) }}
{% endmacro %}

{% macro drop_in_place(relation) -%}
    {{ return(adapter.dispatch('drop_in_place')(relation)) }}
{%- endmacro %}

{% macro default__drop_in_place(relation) -%}
    drop {{ relation.type }} if exists {{ relation }}
{%- endmacro %}

{% macro postgres__drop_in_place(relation) -%}
    {{ drop_in_turn(relation) }}
{%- endmacro %}
