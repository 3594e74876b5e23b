-- One row per call that shares the bill of its bucket, with its share. The call of the
-- largest weight, and of those the first by id, takes what rounding leaves over, so
-- that the shares add up to the bill to the last digit.
-- A table, so that the shares are computed once.

{{ config(materialized='table') }}

with

calls as (

    select * from {{ ref('int_calls_shared') }}

),

remainders as (

    select * from {{ ref('int_remainders_split') }}

),

summed as (

    select
        bucket_number,
        cast(sum(share_usd) as decimal(30, 18)) as share_usd,
        min(case when is_largest then {{ bytewise('usage_id') }} end)
            as largest_usage_id
    from calls
    group by 1

),

rests as (

    select
        summed.bucket_number,
        summed.largest_usage_id,
        cast(remainders.shared_usd - summed.share_usd as decimal(30, 18)) as rest_usd
    from summed
    inner join remainders
        on summed.bucket_number = remainders.bucket_number

),

allocated as (

    select
        calls.call_number,
        calls.bucket_number,
        cast(
            case
                when calls.usage_id = rests.largest_usage_id
                    then calls.share_usd + rests.rest_usd
                else calls.share_usd
            end
            as decimal(30, 18)
        ) as allocated_usd
    from calls
    inner join rests
        on calls.bucket_number = rests.bucket_number

)

select * from allocated
