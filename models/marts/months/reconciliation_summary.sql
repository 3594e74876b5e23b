-- One row per month, model and status.

with

results as (

    select * from {{ ref('int_requests_summed_by_result') }}

),

final as (

    select
        cast(date_trunc('month', usage_date) as date) as usage_month,
        model,
        reconciliation_status,
        cast(sum(request_count) as bigint) as request_count,
        cast(sum(logged_usd) as decimal(30, 18)) as logged_usd,
        cast(sum(billed_usd) as decimal(30, 18)) as billed_usd,
        cast(sum(difference_usd) as decimal(30, 18)) as difference_usd
    from results
    group by 1, 2, 3

)

select * from final
