{#
    dbt makes a relation beside the old one, renames the old one away, the new one into place and
    drops the old one: six statements, of which DuckDB needs two, as it drops and creates within
    one transaction. Whoever reads meanwhile reads the old one, and so does the next build if this
    one ends early.
#}
{% materialization view, adapter='duckdb' %}
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
        drop {{ type }} if exists {{ made }};
        {% if type == 'view' -%}
        create view {{ made }} as (
            {{ sql }}
        )
        {%- else -%}
        {{ create_table_as(false, made, sql) }}
        {%- endif %}
    {%- endcall -%}
    {%- do create_indexes(made) -%}
    {%- do persist_docs(made, model) -%}
    {{ run_hooks(post_hooks) }}
    {%- do adapter.commit() -%}
    {{ run_hooks(post_hooks, inside_transaction=False) }}
    {{ return({'relations': [made]}) }}
{% endmacro %}
