-- One row per model, UTC day and context tier on which the bill proves other prices of
-- the standard tier than the list's; a class that it does not tell of has the list's.
-- A table, because it is small and each amount of such a day looks itself up in it.

{{ config(materialized='table') }}

with

class_days as (

    select * from {{ ref('int_class_prices_implied') }}
    where
        price_state = 'implied'
        and service_tier = 'default'
        and not is_regional

),

prices as (

    select * from {{ ref('int_prices_in_force') }}

),

pivoted as (

    select
        model_name,
        usage_date,
        min_input_tokens,
        max(case when token_class = 'input' then implied_usd_per_token end)
            as usd_per_input_token,
        max(case when token_class = 'cached_input' then implied_usd_per_token end)
            as usd_per_cached_input_token,
        max(case when token_class = 'cache_write' then implied_usd_per_token end)
            as usd_per_cache_write_token,
        max(case when token_class = 'output' then implied_usd_per_token end)
            as usd_per_output_token
    from class_days
    group by 1, 2, 3

),

filled as (

    select
        pivoted.model_name,
        pivoted.usage_date,
        pivoted.min_input_tokens,
        cast(
            coalesce(pivoted.usd_per_input_token, prices.usd_per_input_token)
            as decimal(18, 12)
        ) as usd_per_input_token,
        cast(
            coalesce(
                pivoted.usd_per_cached_input_token, prices.usd_per_cached_input_token
            ) as decimal(18, 12)
        ) as usd_per_cached_input_token,
        cast(
            coalesce(
                pivoted.usd_per_cache_write_token, prices.usd_per_cache_write_token
            ) as decimal(18, 12)
        ) as usd_per_cache_write_token,
        cast(
            coalesce(pivoted.usd_per_output_token, prices.usd_per_output_token)
            as decimal(18, 12)
        ) as usd_per_output_token
    from pivoted
    inner join prices
        on
            pivoted.model_name = prices.model_name
            and pivoted.min_input_tokens = prices.min_input_tokens
            and pivoted.usage_date >= prices.valid_from
            and pivoted.usage_date < prices.valid_to

)

select * from filled
