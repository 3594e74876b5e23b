-- One row per side on which a row of reconciled_requests differs: what of the way from
-- the logged to the billed dollars it is, and why.

with

reconciled as (

    select * from {{ ref('reconciled_requests') }}
    where difference_usd <> 0 or difference_usd is null or cause is not null

),

measured as (

    select
        *,
        cast(
            case
                when log_error_usd is not null and cause is not null then log_error_usd
                -- what cannot be split, for an amount is unknown, or is but noise
                else coalesce(billed_usd, 0) - coalesce(logged_usd, 0)
            end as decimal(30, 18)
        ) as log_usd,
        cast(
            case
                when log_error_usd is not null and cause is not null then bill_error_usd
                else 0
            end as decimal(30, 18)
        ) as bill_usd
    from reconciled

),

split as (

    select
        reconciliation_key,
        file_id,
        usage_date,
        cast(date_trunc('month', usage_date) as date) as usage_month,
        model,
        reconciliation_status,
        status_reason,
        request_count,
        'log' as side,
        log_cause as cause,
        log_usd as difference_usd
    from measured
    where log_usd <> 0 or log_cause is not null

    union all

    select
        reconciliation_key,
        file_id,
        usage_date,
        cast(date_trunc('month', usage_date) as date) as usage_month,
        model,
        reconciliation_status,
        status_reason,
        request_count,
        'bill' as side,
        bill_cause as cause,
        bill_usd as difference_usd
    from measured
    where bill_usd <> 0 or bill_cause is not null

)

select * from split
