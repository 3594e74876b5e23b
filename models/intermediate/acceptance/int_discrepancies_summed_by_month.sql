-- One row per month with discrepancies: how many are accepted and how many stay open,
-- and the dollars of both, each difference without its sign.

with

discrepancies as (

    select
        *,
        cast(date_trunc('month', usage_date) as date) as usage_month,
        -- of an unknown difference all that is known is at stake
        abs(coalesce(difference_usd, billed_usd, logged_usd, 0)) as stake_usd
    from {{ ref('discrepancies') }}

),

summed as (

    select
        usage_month,
        count(*) filter (where is_accepted) as accepted_count,
        cast(
            sum(case when is_accepted then stake_usd else 0 end) as decimal(30, 18)
        ) as accepted_usd,
        count(*) filter (where not is_accepted) as open_count,
        cast(
            sum(case when not is_accepted then stake_usd else 0 end) as decimal(30, 18)
        ) as open_usd
    from discrepancies
    group by 1

)

select * from summed
