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
        match_method is distinct from 'bucket'
        and (
            reconciliation_status in ('discrepancy', 'not_found')
            or status_reason in ('missing_from_bill', 'no_price')
        )

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

timed as (

    select
        to_look_at.*,
        -- null is before everything
        greatest(
            coalesce(
                to_look_at.reconciled_at,
                days_covered.last_loaded_at,
                files.loaded_at
            ),
            coalesce(
                files.loaded_at,
                to_look_at.reconciled_at,
                days_covered.last_loaded_at
            )
        ) as first_seen_at
    -- the few rows are the right side, which a join holds in memory; behind the union
    -- Postgres would not know how few ids they have, and hold all calls instead
    from calls
    right join to_look_at on calls.usage_id = to_look_at.usage_id  -- noqa: CV08
    left join files
        on calls.file_id = files.file_id
    left join days_covered
        on
            to_look_at.usage_date = days_covered.usage_date
            and to_look_at.project_id = days_covered.project_id
            and to_look_at.status_reason = 'missing_from_bill'

),

single_and_summed as (

    select * from timed

    union all

    select
        *,
        reconciled_at as first_seen_at
    from {{ ref('int_bucket_discrepancies_summed') }}

)

select * from single_and_summed
