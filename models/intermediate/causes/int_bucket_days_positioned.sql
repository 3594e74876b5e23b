-- One row per UTC day, project and model that any side knows, with where it stands
-- among its model's days: what one lacks may be on the next, or not there yet.

with

days as (

    select
        *,
        cast(token_difference_usd + rate_difference_usd as decimal(30, 18))
            as bill_difference_usd
    from {{ ref('int_days_judged') }}

),

newest_costs as (

    select max(usage_date) as newest_date from {{ ref('int_costs_summed_by_day') }}

),

placed as (

    select
        bucket_number,
        usage_date,
        bill_difference_usd,
        lag(usage_date) over models as day_before,
        lag(bill_difference_usd) over models as difference_before_usd,
        lead(usage_date) over models as day_after,
        lead(bill_difference_usd) over models as difference_after_usd
    from days
    window models as (partition by project_id, model order by usage_date)

),

dated as (

    select
        placed.*,
        newest_costs.newest_date
    from placed
    cross join newest_costs

),

positioned as (

    select
        bucket_number,
        -- what the one day lacks the other has too much
        coalesce(
            day_before = usage_date - interval '1' day
            and abs(bill_difference_usd) > {{ noise_usd() }}
            and abs(bill_difference_usd + difference_before_usd) <= {{ noise_usd() }},
            false
        )
        or coalesce(
            day_after = usage_date + interval '1' day
            and abs(bill_difference_usd) > {{ noise_usd() }}
            and abs(bill_difference_usd + difference_after_usd) <= {{ noise_usd() }},
            false
        ) as is_on_boundary,
        coalesce(usage_date = newest_date, false)
        and bill_difference_usd < 0 as is_newest_and_low
    from dated

)

select * from positioned
