-- One row per price day and token class with tokens, and one for all of them together:
-- the class's price on the list and on the bill. Where no price is proven, the day is
-- open: it cannot be said which class differs.
-- A table, because findings, price rows and the prices of a day are taken from it.

{{ config(materialized='table') }}

with

classes as (

    select * from {{ ref('int_price_days_by_class') }}

),

-- a mixture of context tiers has another price every day
repeated as (

    select
        *,
        count(*) over (
            partition by
                bill_grain, model_name, service_tier, is_regional,
                min_input_tokens, token_class, implied_usd_per_token
        ) as day_count
    from classes

),

stated as (

    select
        bill_grain,
        model_name,
        usage_date,
        service_tier,
        is_regional,
        min_input_tokens,
        token_class,
        case when bill_grain = 'request' then amount_count end as request_count,
        cast(token_quantity as decimal(18, 0)) as token_quantity,
        day_usd,
        why_not,
        cast(listed_usd_per_token * 1000000 as decimal(18, 6)) as listed_price_per_1m,
        cast(implied_usd_per_token * 1000000 as decimal(18, 6)) as implied_price_per_1m,
        implied_usd_per_token,
        case
            when is_at_list then 'listed'
            when is_within_context_tiers and (why_not is not null or day_count < 2)
                then 'listed'
            when why_not is not null then 'open'
            when implied_usd_per_token <> listed_usd_per_token then 'implied'
            else 'listed'
        end as price_state
    from repeated

)

select * from stated
