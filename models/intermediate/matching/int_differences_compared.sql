-- One row per logged call, and per billed request that no log explains, with its
-- difference and the facts that decide its status.

with

sides as (

    select * from {{ ref('int_sides_priced') }}

),

duplicate_logs_billed as (

    select * from {{ ref('int_duplicate_logs_billed') }}

),

files as (

    select * from {{ ref('stg_loader__loaded_files') }}

),

days_covered as (

    select * from {{ ref('int_bill_days_covered') }}

),

buckets as (

    select * from {{ ref('int_remainders_rounded') }}

),

gathered as (

    select
        sides.*,
        files.loaded_at as reconciled_at,
        days_covered.usage_date is not null as is_covered,
        -- old enough for the bill that covers its day to have it
        coalesce(
            sides.logged_at < days_covered.last_loaded_at
            - interval '1' hour * {{ var('settle_hours') }},
            false
        ) as is_settled,
        cast(
            case
                -- the request is paid for already, on the row of its first log
                when duplicate_logs_billed.usage_id is not null then 0
                when sides.is_billed then sides.billed_usd
                -- the shares of a bucket add up to its bill to the last digit
                when sides.usage_id = buckets.largest_usage_id
                    then sides.share_usd + buckets.rest_usd
                else sides.share_usd
            end
            as decimal(30, 18)
        ) as counted_billed_usd,
        sides.bucket_number is not null as is_allocated,
        buckets.status_reason as bucket_reason,
        buckets.remainder_issuer as bucket_issuer,
        case
            when sides.is_billed or sides.bucket_number is not null then files.file_id
        end as file_id,
        sides.is_logged and not sides.is_billed and not sides.is_provider_call
            as is_other_action
    from sides
    left join duplicate_logs_billed
        on sides.usage_id = duplicate_logs_billed.usage_id
    left join buckets
        on sides.bucket_number = buckets.bucket_number
    left join files
        on
            coalesce(
                sides.load_number,
                duplicate_logs_billed.load_number,
                buckets.remainder_load_number
            )
            = files.load_number
    left join days_covered
        on
            sides.usage_date = days_covered.usage_date
            and sides.project_id = days_covered.project_id

),

subtracted as (

    select
        *,
        (is_logged and logged_usd is null and is_provider_call)
        or (is_billed and not is_amount_known) as is_amount_missing,
        cast(
            coalesce(counted_billed_usd, 0) - coalesce(logged_usd, 0) as decimal(30, 18)
        ) as known_difference_usd
    from gathered

),

compared as (

    select
        *,
        cast(
            case when not is_amount_missing then known_difference_usd end
            as decimal(30, 18)
        ) as difference_usd,
        {{ is_within_percent('known_difference_usd', 'coalesce(logged_usd, 0)') }}
            as is_within_percent,
        {{ is_within_amount('known_difference_usd') }} as is_within_amount
    from subtracted

)

select * from compared
