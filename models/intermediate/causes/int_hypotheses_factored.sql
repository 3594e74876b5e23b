-- One row per pricing hypothesis, side and factor: one without a factor has those of
-- the service tiers of its cause. Coefficients say how much more than the list price
-- counts; as doubles they choose, as decimals they decide.
-- A table, because it is tiny and every amount to explain is tried on it.

{{ config(materialized='table') }}

with

hypotheses as (

    select * from {{ ref('pricing_hypotheses') }}

),

tiers as (

    select * from {{ ref('service_tiers') }}

),

sides as (

    select 'log' as side

    union all

    select 'bill' as side

),

factored as (

    select
        sides.side,
        hypotheses.cause,
        hypotheses.evidence_class,
        hypotheses.fact,
        hypotheses.min_input_tokens,
        hypotheses.price_row,
        hypotheses.uncached - 1 as more_uncached,
        hypotheses.cached - 1 as more_cached,
        hypotheses.cached_at_input_price as more_cached_at_input_price,
        hypotheses.cache_write - 1 as more_cache_write,
        hypotheses.cache_write_at_input_price as more_cache_write_at_input_price,
        hypotheses.output - 1 as more_output,
        hypotheses.reasoning as more_reasoning,
        coalesce(hypotheses.factor, tiers.multiplier) as factor,
        hypotheses.fee,
        hypotheses.rounding,
        tiers.service_tier,
        coalesce(tiers.valid_from, timestamp '1970-01-01') as valid_from,
        coalesce(tiers.valid_to, timestamp '9999-12-31') as valid_to
    from hypotheses
    inner join sides
        on sides.side = coalesce(hypotheses.side, sides.side)
    left join tiers
        on hypotheses.factor is null and hypotheses.cause = tiers.cause
    where hypotheses.price_row <> 'other_model'

),

estimated as (

    select
        *,
        -- how far a double may be off, and what rounding may move
        case when rounding = 'cent' then 0.00500001 else 0.00000001 end as slack,
        {{ estimates(['factor', 'fee'] + classes_counted_otherwise().keys() | list) }}
    from factored

)

select * from estimated
