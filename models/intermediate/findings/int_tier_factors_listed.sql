-- One row per service tier, region and multiplier that a list price may have there. A
-- tier with several multipliers has several rows, any of which will do.

with

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

)

select * from factors
