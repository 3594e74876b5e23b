-- One row per reconciled request that somebody must look at; of calls that share the
-- bill of a bucket, one row per bucket and reason. With when the last of the files that
-- show it was loaded: the bill, or the one that should have it, and the log.
-- Kept from build to build, as few of the rows are among them.

{{ config(
    materialized='incremental',
    meta={'unique_texts': ['reconciliation_key', 'usage_id', 'request_id']}
) }}

with

to_look_at as (

    select * from {{ ref('int_requests_rebuilt') }}
    where
        reconciliation_status in ('discrepancy', 'not_found')
        or status_reason in ('missing_from_bill', 'no_price')

),

bucket_calls as (

    select * from {{ ref('int_bucket_discrepancies_summed') }}

),

calls as (

    select * from {{ ref('int_calls_priced') }}

),

files as (

    select * from {{ ref('stg_loader__loaded_files') }}

),

days_covered as (

    select * from {{ ref('int_bill_days_covered') }}

),

single_and_summed as (

    select * from to_look_at
    where match_method is distinct from 'bucket'

    union all

    select * from bucket_calls

),

timed as (

    select
        discrepancies.*,
        -- null is before everything
        greatest(
            coalesce(
                discrepancies.reconciled_at,
                days_covered.last_loaded_at,
                files.loaded_at
            ),
            coalesce(
                files.loaded_at,
                discrepancies.reconciled_at,
                days_covered.last_loaded_at
            )
        ) as first_seen_at
    -- the few rows are the right side, which a join holds in memory
    from calls
    right join single_and_summed as discrepancies  -- noqa: CV08
        on calls.usage_id = discrepancies.usage_id
    left join files
        on calls.file_id = files.file_id
    left join days_covered
        on
            discrepancies.usage_date = days_covered.usage_date
            and discrepancies.project_id = days_covered.project_id
            and discrepancies.status_reason = 'missing_from_bill'

)

select * from timed
