-- One row per bucket whose bill calls share, with what rounding leaves over and which
-- call takes it: the one of the largest weight, and of those the first by id.
-- A table, because it is small and every call looks its bucket up in it.

{{ config(materialized='table') }}

with

calls as (

    select * from {{ ref('int_sides_shared') }}
    where bucket_number is not null

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

rounded as (

    select
        summed.bucket_number,
        summed.largest_usage_id,
        remainders.status_reason,
        remainders.remainder_issuer,
        remainders.remainder_load_number,
        cast(remainders.shared_usd - summed.share_usd as decimal(30, 18)) as rest_usd
    from summed
    inner join remainders
        on summed.bucket_number = remainders.bucket_number

)

select * from rounded
