-- One row per UTC day, project and model that any side knows, with its status.
-- A table, because the day marts, every call and every bucket row read it.

{{ config(materialized='table') }}

with

days as (

    select * from {{ ref('int_days_chained') }}

),

measured as (

    select
        *,
        coalesce(
            cast(usage_date as timestamp) + interval '1' day
            > last_loaded_at - interval '1' hour * {{ var('settle_hours') }},
            false
        ) as is_provisional,
        {{ is_within_percent('difference_usd', 'logged_usd') }} as is_within_percent,
        {{ is_within_amount('difference_usd') }} as is_within_amount,
        {{ is_within_percent('token_difference_usd', 'own_usd') }}
        or {{ is_within_amount('token_difference_usd') }}
            as is_usage_as_logged,
        {{ is_within_percent('rate_difference_usd', 'reported_usd') }}
        or {{ is_within_amount('rate_difference_usd') }}
            as is_billed_as_used
    from days

),

-- the first reason that holds, as for a row of reconciled_requests
reasoned as (

    select
        *,
        case
            when not is_covered then 'awaiting_bill'
            when logged_requests = 0 and is_not_loggable then 'not_loggable'
            when logged_requests = 0 then 'not_logged'
            when is_log_unknown then 'no_price'
            when not is_billed and is_provisional then 'awaiting_bill'
            when not is_billed then 'missing_from_bill'
            when difference_usd = 0 then 'exact'
            when is_within_percent then 'within_percent'
            when is_within_amount then 'within_amount'
            else 'outside_tolerance'
        end as status_reason,
        case
            when reported_usd is null then null
            when not is_usage_as_logged and not is_billed_as_used then 'both'
            when not is_usage_as_logged then 'log_usage'
            when not is_billed_as_used then 'usage_bill'
        end as broken_pair
    from measured

),

judged as (

    select
        *,
        -- a short key for the many calls that share a bill
        row_number() over (order by usage_date, project_id, model) as bucket_number,
        {{ status_of_reason('status_reason') }} as reconciliation_status
    from reasoned

)

select * from judged
