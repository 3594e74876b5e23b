-- One row per UTC day and kind of fact that its rows are made of, with a number that
-- changes with the facts. Bills and logs are told apart by file, as files never change.
-- A table, because it is small, and is kept as int_days_built when all is done.

{{ config(materialized='table') }}

with

settings as (

    select * from {{ ref('int_settings_fingerprinted') }}

),

newest_costs as (

    select max(usage_date) as usage_date from {{ ref('int_costs_summed_by_day') }}

),

facts as (

    select
        usage_date,
        'calls' as fact_kind,
        {{ row_hash([
            'file_id', 'logged_model', 'project_id', 'call_count', 'content_hash'
        ]) }} as fact_hash
    from {{ ref('int_calls_counted') }}

    union all

    select
        billed_date as usage_date,
        'bill lines' as fact_kind,
        {{ row_hash(['file_id', 'billed_model', 'line_count']) }} as fact_hash
    from {{ ref('int_bill_lines_counted') }}

    union all

    select
        usage_date,
        'export lines' as fact_kind,
        {{ row_hash([
            'file_id', 'bucket_kind', 'bucket_start', 'bucket_end', 'project_id',
            'organization_id', 'line_use', 'line_count'
        ]) }} as fact_hash
    from {{ ref('int_bucket_lines_classified') }}

    union all

    select
        usage_date,
        'bills covering' as fact_kind,
        {{ row_hash(['issuer', 'last_load_number', 'last_loaded_at']) }} as fact_hash
    from {{ ref('int_days_covered') }}

    union all

    select
        usage_date,
        'exports covering' as fact_kind,
        {{ row_hash([
            'bucket_kind', 'issuer', 'project_id', 'is_whole_day', 'last_loaded_at'
        ]) }} as fact_hash
    from {{ ref('int_bucket_days_covered') }}

    union all

    select
        usage_date,
        'models covered' as fact_kind,
        {{ row_hash(['project_id', 'model']) }} as fact_hash
    from {{ ref('int_usage_days_known') }}

    union all

    -- what its bill lacks may only be late
    select
        usage_date,
        'newest costs' as fact_kind,
        cast(1 as decimal(20, 0)) as fact_hash
    from newest_costs
    where usage_date is not null

),

summed as (

    select
        {{ day_key('usage_date') }} as usage_date,
        fact_kind,
        cast(sum(fact_hash) as decimal(38, 0)) as fingerprint
    from facts
    group by 1, 2

),

with_settings as (

    select * from summed

    union all

    select distinct
        summed.usage_date,
        'settings' as fact_kind,
        settings.fingerprint
    from summed
    cross join settings

)

select * from with_settings
