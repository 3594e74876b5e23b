-- One row per list price, service tier, region and multiplier: what the tier may charge
-- per token. A price that the list lacks is 0: a bill that has one differs from it.

with

prices as (

    select * from {{ ref('int_prices_in_force') }}

),

factors as (

    select * from {{ ref('int_tier_factors_listed') }}

),

listed as (

    select
        prices.model_name,
        prices.min_input_tokens,
        prices.next_min_input_tokens,
        greatest(prices.valid_from, factors.valid_from) as valid_from,
        least(prices.valid_to, factors.valid_to) as valid_to,
        factors.service_tier as listed_tier,
        factors.is_regional,
        factors.multiplier,
        cast(
            coalesce(prices.usd_per_input_token, 0) * factors.multiplier
            as decimal(18, 12)
        ) as usd_per_input_token,
        cast(
            coalesce(prices.usd_per_cached_input_token, 0) * factors.multiplier
            as decimal(18, 12)
        ) as usd_per_cached_input_token,
        cast(
            coalesce(prices.usd_per_cache_write_token, 0) * factors.multiplier
            as decimal(18, 12)
        ) as usd_per_cache_write_token,
        cast(
            coalesce(prices.usd_per_output_token, 0) * factors.multiplier
            as decimal(18, 12)
        ) as usd_per_output_token
    from prices
    inner join factors
        on
            prices.valid_from < factors.valid_to
            and prices.valid_to > factors.valid_from

),

-- what a call costs more per token in the highest context tier
ranged as (

    select
        *,
        (max(usd_per_input_token) over tiers_of_one_price) - usd_per_input_token
            as context_usd_per_input_token,
        (max(usd_per_cached_input_token) over tiers_of_one_price)
        - usd_per_cached_input_token
            as context_usd_per_cached_input_token,
        (max(usd_per_cache_write_token) over tiers_of_one_price)
        - usd_per_cache_write_token
            as context_usd_per_cache_write_token,
        (max(usd_per_output_token) over tiers_of_one_price) - usd_per_output_token
            as context_usd_per_output_token
    from listed
    window
        tiers_of_one_price as (
            partition by model_name, valid_from, listed_tier, is_regional, multiplier
        )

)

select * from ranged
