-- One row per row of int_requests_summed_by_result and side on which its rows differ:
-- what of the way from the logged to the billed dollars it is, and why.

with

results as (

    select * from {{ ref('int_requests_summed_by_result') }}

),

split as (

    select
        file_id,
        usage_date,
        cast(date_trunc('month', usage_date) as date) as usage_month,
        model,
        reconciliation_status,
        status_reason,
        'log' as side,
        log_cause as cause,
        log_row_count as row_count,
        log_usd as difference_usd
    from results
    where log_row_count > 0

    union all

    select
        file_id,
        usage_date,
        cast(date_trunc('month', usage_date) as date) as usage_month,
        model,
        reconciliation_status,
        status_reason,
        'bill' as side,
        bill_cause as cause,
        bill_row_count as row_count,
        bill_usd as difference_usd
    from results
    where bill_row_count > 0

)

select * from split
