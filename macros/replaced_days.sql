{#
    The incremental strategy `replaced_days`: the days that this build rebuilt are taken out and
    put in again, also those of which nothing is left. The model's unique_key says its UTC day.
#}
{% macro get_incremental_replaced_days_sql(arguments) %}
    {%- set rebuilt_days = existing_relation('int_days_to_rebuild') -%}
    {%- set columns = arguments.dest_columns | map(attribute='quoted') | join(', ') -%}
    {%- set is_whole = run_query(
        "select 1 from " ~ rebuilt_days ~ " where is_whole_build limit 1"
    ).rows | length > 0 %}
    delete from {{ arguments.target_relation }}
    {%- if not is_whole %}
    where
        {{ within_days(arguments.unique_key, 'int_days_to_rebuild') }}
        and {{ day_key(arguments.unique_key) }} in (
            select usage_date from {{ rebuilt_days }}
        )
    {%- endif %};

    insert into {{ arguments.target_relation }} ({{ columns }})
    select {{ columns }} from {{ arguments.temp_relation }}
{% endmacro %}

{#
    A hook: the days that are now rebuilt count as unbuilt until all of it is done. A build that
    ends early is so taken up again by the next one.
#}
{% macro mark_days_unbuilt() %}
    {%- set built = existing_relation('int_days_built') -%}
    {%- if built %}
    insert into {{ built }} (usage_date, fact_kind, fingerprint)
    select
        usage_date,
        'unbuilt' as fact_kind,
        cast(null as decimal(38, 0)) as fingerprint
    from {{ this }}
    {%- endif %}
{% endmacro %}
