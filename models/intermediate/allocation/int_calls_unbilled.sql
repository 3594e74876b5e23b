-- One row per logged call without a request-level bill, in a bucket that a cost export
-- bills: the calls that share what the bucket costs.
-- A table, because its sums are needed before its shares.

{{ config(materialized='table') }}

with

leftover_calls as (

    select * from {{ ref('int_leftovers') }}
    where side = 'log'

),

matched_by_time as (

    select * from {{ ref('int_calls_matched_by_time') }}

),

ungrouped_days as (

    select * from {{ ref('int_ungrouped_days') }}

),

buckets as (

    select * from {{ ref('int_days_judged') }}
    where remainder_issuer is not null and (is_charged or remainder_usd <> 0)

),

placed as (

    select
        leftover_calls.call_number,
        leftover_calls.usage_id,
        leftover_calls.usage_date,
        leftover_calls.project_id,
        {{ bucket_model('leftover_calls.model', 'ungrouped_days') }} as model,
        leftover_calls.logged_usd,
        leftover_calls.listed_usd
    from leftover_calls
    left join matched_by_time
        on leftover_calls.usage_id = matched_by_time.usage_id
    left join ungrouped_days
        on
            leftover_calls.usage_date = ungrouped_days.usage_date
            and leftover_calls.project_id = ungrouped_days.project_id
    where matched_by_time.usage_id is null

),

unbilled as (

    select
        buckets.bucket_number,
        placed.call_number,
        placed.usage_id,
        coalesce(placed.logged_usd, placed.listed_usd) is not null as is_known,
        coalesce(placed.listed_usd, 0) as expected_usd,
        -- more cached tokens than tokens make a negative price, which is no weight
        greatest(coalesce(placed.listed_usd, placed.logged_usd, 0), 0) as weight_usd
    from placed
    inner join buckets
        on
            placed.usage_date = buckets.usage_date
            and placed.project_id = buckets.project_id
            and placed.model = buckets.model

)

select * from unbilled
