-- One row per month for which a request-level bill charges calls that were logged in
-- another month, or the other way round.

with

results as (

    select
        billed_usd,
        cast(date_trunc('month', usage_date) as date) as logged_month,
        billed_month
    from {{ ref('int_requests_summed_by_result') }}
    where billed_usd <> 0

),

moved as (

    select
        billed_month as usage_month,
        billed_usd as timing_usd
    from results
    where billed_month <> logged_month

    union all

    select
        logged_month as usage_month,
        -billed_usd as timing_usd
    from results
    where billed_month <> logged_month

),

summed as (

    select
        usage_month,
        cast(sum(timing_usd) as decimal(30, 18)) as timing_usd
    from moved
    group by 1

)

select * from summed
