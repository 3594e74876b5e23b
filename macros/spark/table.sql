{#
    A table on Spark: built beside the old one, which readers see until it takes its place. So a
    build that fails, or is killed, leaves the old table whole. dbt-spark's own materialization
    drops the old table first, and stops at what a killed build left in its folder.
#}
{% materialization table, adapter='spark' %}
{{ return({'relations': [spark_table_beside()]}) }}
{% endmaterialization %}

{#
    The days that this build rebuilt, and of the old table all other days: files are not changed in
    place. The model's unique_key says its UTC day, as for the other engines' replaced_days.
#}
{% materialization incremental, adapter='spark' %}
{%- set kept_day = none if should_full_refresh() else config.get('unique_key') -%}
{{ return({'relations': [spark_table_beside(kept_day)]}) }}
{% endmaterialization %}

{% macro spark_table_beside(kept_day=none) %}
{%- set target_relation = this.incorporate(type='table') -%}
{%- set new_relation = target_relation.incorporate(
    path={'identifier': this.identifier ~ '__new'}
) -%}
{%- set old_relation = load_cached_relation(this) -%}

{{ run_hooks(pre_hooks) }}

{% if config.get('contract').enforced %}
{{ get_assert_columns_equivalent(sql) }}
{% set sql = get_select_subquery(sql) %}
{% endif %}
{%- set columns = adapter.get_column_schema_from_query(get_empty_subquery_sql(sql)) -%}
{# its columns are declared, so that they have comments, and its folder is known before it fills #}
{% call statement('drop_left_over') %}drop table if exists {{ new_relation }}{% endcall %}
{% call statement('create') %}{{ spark_create_table(new_relation, columns) }}{% endcall %}
{% if kept_day and old_relation %}
{% call statement('keep') %}
insert into {{ new_relation }}
{{ spark_kept_rows(old_relation, kept_day, columns | map(attribute='name') | list) }}
{% endcall %}
{% endif %}
{% call statement('main') %}
insert into {{ new_relation }}
{{ sql }}
{% endcall %}
{% if old_relation %}{{ adapter.drop_relation(old_relation) }}{% endif %}
{{ adapter.rename_relation(new_relation, target_relation) }}

{% do apply_grants(
    target_relation, config.get('grants'), should_revoke(old_relation, full_refresh_mode=True)
) %}
{{ run_hooks(post_hooks) }}
{{ return(target_relation) }}
{% endmacro %}

{# The rows of the days that this build did not rebuild; none where it rebuilds all of them. #}
{% macro spark_kept_rows(relation, kept_day, names) %}
{%- set rebuilt_days = existing_relation('int_days_to_rebuild') -%}
{%- set old_names = adapter.get_columns_in_relation(relation) | map(attribute='name') | list -%}
{%- if names | sort != old_names | sort -%}
{%- do exceptions.raise_compiler_error(
    relation ~ ' has other columns than its model: run dbt build --full-refresh.'
) -%}
{%- endif -%}
select {{ names | join(', ') }} from {{ relation }}
where
    {{ day_key(kept_day) }} not in (select usage_date from {{ rebuilt_days }})
    and not exists (select 1 from {{ rebuilt_days }} where is_whole_build)
{% endmacro %}

{% macro spark_create_table(relation, columns) %}
create table {{ relation }} (
    {%- for column in columns %}
    {%- set described = model.columns.get(column.name, {}) if config.persist_column_docs() else {} %}
    {{ adapter.quote(column.name) }} {{ column.data_type }}
    {%- if described.get('description') %} comment {{ spark_literal(described.description) }}
    {%- endif %}
    {{- "," if not loop.last }}
    {%- endfor %}
)
using {{ config.get('file_format') or 'parquet' }}
{{ options_clause() }}
{{ partition_cols(label="partitioned by") }}
{{ clustered_cols(label="clustered by") }}
{% if config.persist_relation_docs() and model.description -%}
comment {{ spark_literal(model.description) }}
{%- endif %}
{% endmacro %}

{% macro spark_literal(value) -%}
'{{ value | string | replace("\\", "\\\\") | replace("'", "\\'") }}'
{%- endmacro %}
