-- One row per month of daily_reconciliation, with its dollars and what stays open.

with

days as (

    select * from {{ ref('int_days_judged') }}

),

acceptances as (

    select * from {{ ref('int_acceptances_summed_by_day') }}

),

-- what is accepted is not open
netted as (

    select
        days.*,
        coalesce(acceptances.accepted_usd, 0) as accepted_usd
    from days
    left join acceptances
        on
            days.usage_date is not distinct from acceptances.usage_date
            and days.project_id = acceptances.project_id
            and days.model = acceptances.model

),

marked as (

    select
        *,
        cast(date_trunc('month', usage_date) as date) as usage_month,
        case
            when
                status_reason in (
                    'outside_tolerance', 'not_logged', 'missing_from_bill', 'no_price'
                )
                -- of a price that is unknown, all that is billed is open
                then abs(coalesce(difference_usd, billed_usd, 0) - accepted_usd)
            when status_reason = 'awaiting_bill' then abs(coalesce(logged_usd, 0))
            else 0
        end as open_usd,
        case
            when reconciliation_status = 'matched' then difference_usd - accepted_usd
            else 0
        end as matched_difference_usd
    from netted

),

summed as (

    select
        usage_month,
        cast(sum(billed_usd) as decimal(30, 18)) as billed_usd,
        cast(sum(logged_usd) as decimal(30, 18)) as logged_usd,
        cast(sum(expected_usd) as decimal(30, 18)) as expected_usd,
        cast(sum(reported_usd) as decimal(30, 18)) as reported_usd,
        cast(sum(calculation_difference_usd) as decimal(30, 18))
            as calculation_difference_usd,
        cast(sum(token_difference_usd) as decimal(30, 18)) as token_difference_usd,
        cast(sum(rate_difference_usd) as decimal(30, 18)) as rate_difference_usd,
        -- what is matched day by day may still add up
        cast(sum(accepted_usd) as decimal(30, 18)) as accepted_usd,
        cast(sum(open_usd) + abs(sum(matched_difference_usd)) as decimal(30, 18))
            as open_usd
    from marked
    group by 1

)

select * from summed
