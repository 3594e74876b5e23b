-- One row per token class, service tier, region and context tier of a model, and run of
-- the days on which it was billed, with one price on the bill and one on the list.
-- A table, because it is small, and findings and price rows are taken from it.

{{ config(materialized='table') }}

with

class_days as (

    select * from {{ ref('int_class_prices_implied') }}

),

stated as (

    select
        *,
        case
            when price_state = 'implied'
                then cast(
                    token_quantity * cast(implied_usd_per_token as decimal(18, 12))
                    as decimal(30, 18)
                )
            when price_state = 'open' then day_usd
        end as billed_usd,
        case when price_state = 'implied' then implied_price_per_1m end
            as period_price_per_1m
    from class_days

),

-- two counts of days run in step as long as nothing changes
numbered as (

    select
        *,
        row_number() over (
            partition by
                bill_grain, model_name, service_tier, is_regional, min_input_tokens,
                token_class
            order by usage_date
        ) as day_number,
        row_number() over (
            partition by
                bill_grain, model_name, service_tier, is_regional, min_input_tokens,
                token_class, price_state, listed_price_per_1m, period_price_per_1m,
                why_not
            order by usage_date
        ) as same_number
    from stated

),

runs as (

    select
        *,
        day_number - same_number as run_number
    from numbered

),

joined as (

    select
        bill_grain,
        model_name,
        service_tier,
        is_regional,
        min_input_tokens,
        token_class,
        price_state,
        run_number,
        listed_price_per_1m,
        period_price_per_1m as implied_price_per_1m,
        why_not,
        min(usage_date) as first_date,
        max(usage_date) as last_date,
        cast(sum(request_count) as bigint) as request_count,
        cast(sum(token_quantity) as bigint) as token_quantity,
        cast(sum(billed_usd) as decimal(30, 18)) as billed_usd
    from runs
    group by 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11

)

select * from joined
