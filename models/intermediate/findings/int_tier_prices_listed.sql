-- One row per list price, service tier, region and multiplier: what the tier may charge
-- per token. A tier with several multipliers has several rows, any of which will do.

with

prices as (

    select * from {{ ref('int_prices_in_force') }}

),

tiers as (

    select * from {{ ref('service_tiers') }}

),

hypotheses as (

    select * from {{ ref('pricing_hypotheses') }}

),

-- granted tokens cost nothing and tell no price; the list price itself is always right
tier_factors as (

    select
        service_tier,
        multiplier,
        valid_from,
        coalesce(valid_to, timestamp '9999-12-31') as valid_to
    from tiers
    where multiplier > 0

    union

    select
        service_tier,
        cast(1 as decimal(9, 6)) as multiplier,
        timestamp '1970-01-01' as valid_from,
        timestamp '9999-12-31' as valid_to
    from tiers

    union

    select
        'default' as service_tier,
        cast(1 as decimal(9, 6)) as multiplier,
        timestamp '1970-01-01' as valid_from,
        timestamp '9999-12-31' as valid_to

),

region_factors as (

    select
        true as is_regional,
        cast(factor as decimal(9, 6)) as multiplier
    from hypotheses
    where cause = 'regional_uplift' and factor is not null

    union

    select
        true as is_regional,
        cast(1 as decimal(9, 6)) as multiplier

    union

    select
        false as is_regional,
        cast(1 as decimal(9, 6)) as multiplier

),

factors as (

    select
        tier_factors.service_tier,
        tier_factors.valid_from,
        tier_factors.valid_to,
        region_factors.is_regional,
        cast(tier_factors.multiplier * region_factors.multiplier as decimal(9, 6))
            as multiplier
    from tier_factors
    cross join region_factors

),

-- a price that the list lacks is 0 here: a bill that has one differs from the list
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

)

select * from listed
