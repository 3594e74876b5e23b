-- One row per bucket whose bill calls share, with the cause of what its calls are
-- billed beside their list price, and of what the provider counted beyond our log.
-- A table, because it is small and every call of a bucket looks itself up in it.

{{ config(materialized='table') }}

with

positions as (

    select * from {{ ref('int_bucket_days_positioned') }}

),

buckets as (

    select * from {{ ref('int_remainders_split') }}
    where call_count > 0

),

causes as (

    select * from {{ ref('int_causes_found') }}
    where side = 'bill'

),

counted as (

    select
        buckets.bucket_number,
        buckets.token_difference_usd,
        causes.cause,
        causes.cause_candidates,
        positions.is_on_boundary,
        positions.is_newest_and_low and buckets.is_provisional as is_late,
        coalesce(buckets.reported_requests = buckets.logged_requests, false)
            as is_count_equal,
        coalesce(
            mod(buckets.logged_requests, nullif(buckets.reported_requests, 0)) = 0
            and buckets.logged_requests > buckets.reported_requests
            and buckets.logged_requests < 10000000
            and abs(
                buckets.own_usd
                - buckets.reported_usd * cast(
                    buckets.logged_requests * 1.0 / nullif(buckets.reported_requests, 0)
                    as decimal(7, 0)
                )
            )
            <= {{ noise_usd() }},
            false
        ) as is_logged_several_times
    from buckets
    inner join positions
        on buckets.bucket_number = positions.bucket_number
    left join causes
        on
            causes.error_key
            = 'bucket:' || cast(buckets.bucket_number as {{ dbt.type_string() }})

),

reasoned as (

    select
        bucket_number,
        token_difference_usd,
        cause_candidates,
        case
            when cause <> 'unexplained' then cause
            when cause is not null and is_on_boundary then 'day_boundary'
            when cause is not null and is_late then 'late_data'
            else cause
        end as rate_cause,
        case
            when abs(token_difference_usd) <= {{ noise_usd() }} then null
            when is_logged_several_times then 'duplicate_log'
            when is_on_boundary then 'day_boundary'
            when is_late then 'late_data'
            when is_count_equal then 'token_mismatch'
            when token_difference_usd > 0 then 'logging_gap'
            else 'unexplained'
        end as token_cause
    from counted

),

explained as (

    select
        bucket_number,
        case when token_difference_usd > 0 then token_cause end as gap_cause,
        -- tokens that the provider did not count are missing from the calls' shares
        case
            when token_difference_usd > 0 or token_cause is null then rate_cause
            when rate_cause is null or rate_cause = token_cause then token_cause
            else 'several'
        end as bill_cause,
        case
            when token_difference_usd > 0 or token_cause is null then cause_candidates
        end as cause_candidates
    from reasoned

)

select * from explained
