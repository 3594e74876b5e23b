-- One row per month that any side knows: what the invoice says, what of it is
-- explained, and whether the month can be closed.

with

days as (

    select * from {{ ref('int_days_summed_by_month') }}

),

charges as (

    select * from {{ ref('int_charges_summed_by_month') }}

),

calendar as (

    select * from {{ ref('int_calendar_counted') }}

),

timing as (

    select * from {{ ref('int_requests_timed_by_month') }}

),

months as (

    select usage_month from days

    union

    select usage_month from charges

),

joined as (

    select
        months.usage_month,
        cast(
            case
                when days.billed_usd is not null or charges.usage_month is not null
                    then
                        coalesce(days.billed_usd, 0)
                        + coalesce(charges.non_usage_usd, 0)
            end as decimal(30, 18)
        ) as billed_usd,
        coalesce(days.logged_usd, 0) as logged_usd,
        days.expected_usd,
        days.reported_usd,
        days.calculation_difference_usd,
        days.token_difference_usd,
        days.rate_difference_usd,
        coalesce(timing.timing_usd, 0) as timing_usd,
        coalesce(charges.non_usage_usd, 0) as non_usage_usd,
        coalesce(charges.unmapped_usd, 0) as unmapped_usd,
        coalesce(charges.unmapped_line_item_count, 0) as unmapped_line_item_count,
        coalesce(calendar.covered_day_count, 0) as covered_day_count,
        coalesce(calendar.missing_day_count, 0) as missing_day_count,
        coalesce(calendar.provisional_day_count, 0) as provisional_day_count,
        coalesce(calendar.is_over, false) as is_over,
        coalesce(days.accepted_usd, 0) as accepted_usd,
        coalesce(days.open_usd, 0) as open_usd
    from months
    left join days
        on months.usage_month is not distinct from days.usage_month
    left join charges
        on months.usage_month = charges.usage_month
    left join calendar
        on months.usage_month = calendar.usage_month
    left join timing
        on months.usage_month = timing.usage_month

),

final as (

    select
        usage_month,

        -- dollars
        billed_usd,
        cast(logged_usd as decimal(30, 18)) as logged_usd,
        expected_usd,
        reported_usd,
        calculation_difference_usd,
        token_difference_usd,
        rate_difference_usd,
        cast(timing_usd as decimal(30, 18)) as timing_usd,
        cast(non_usage_usd as decimal(30, 18)) as non_usage_usd,
        cast(unmapped_usd as decimal(30, 18)) as unmapped_usd,
        unmapped_line_item_count,

        -- days
        covered_day_count,
        missing_day_count,
        provisional_day_count,

        -- result
        cast(accepted_usd as decimal(30, 18)) as accepted_usd,
        cast(open_usd as decimal(30, 18)) as open_usd,
        is_over
        and missing_day_count = 0
        and provisional_day_count = 0
        and unmapped_line_item_count = 0
        and open_usd
        <= cast({{ var('drift_tolerance_pct') }} as decimal(6, 4)) * abs(logged_usd)
            as is_closable
    from joined

)

select * from final
