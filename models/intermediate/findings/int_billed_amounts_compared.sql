-- One row per billed amount from which a price can be told, and multiplier that its
-- service tier may have: how far it is from the list price of its tokens.

with

amounts as (

    select * from {{ ref('int_billed_amounts_placed') }}

),

listed as (

    select * from {{ ref('int_tier_prices_listed') }}

),

listed_tiers as (

    select distinct listed_tier from listed

),

priced as (

    select
        amounts.*,
        listed.min_input_tokens,
        listed.next_min_input_tokens,
        listed.multiplier,
        listed.usd_per_input_token,
        listed.usd_per_cached_input_token,
        listed.usd_per_cache_write_token,
        listed.usd_per_output_token,
        cast(
            amounts.billed_usd - {{ list_price_usd('amounts', 'listed') }}
            as decimal(30, 18)
        ) as deviation_usd,
        -- an item sums calls of every length, each at the price of its context tier
        cast(
            case
                when amounts.bill_grain = 'bucket'
                    then
                        (
                            amounts.input_tokens
                            - amounts.cached_input_tokens
                            - amounts.cache_write_tokens
                        )
                        * listed.context_usd_per_input_token
                        + amounts.cached_input_tokens
                        * listed.context_usd_per_cached_input_token
                        + amounts.cache_write_tokens
                        * listed.context_usd_per_cache_write_token
                        + amounts.output_tokens * listed.context_usd_per_output_token
                else 0
            end
            as decimal(30, 18)
        ) as context_usd
    from amounts
    left join listed_tiers
        on amounts.service_tier = listed_tiers.listed_tier
    inner join listed
        on
            amounts.model_name = listed.model_name
            and coalesce(listed_tiers.listed_tier, 'default') = listed.listed_tier
            and amounts.is_regional = listed.is_regional
            and amounts.usage_date >= listed.valid_from
            and amounts.usage_date < listed.valid_to
            and amounts.context_tokens >= listed.min_input_tokens
            and amounts.context_tokens < listed.next_min_input_tokens
    {{ computed_once() }}

),

compared as (

    select
        *,
        billed_usd > 0 and abs(deviation_usd) > 0.000000000001 as is_off,
        deviation_usd > 0 and deviation_usd <= context_usd as is_within_context_tiers,
        cast(billed_usd as {{ type_double() }}) as rough_usd
    from priced
    {{ computed_once() }}

),

-- The last decimal that an amount has, 0 where there are too many for a rounded one. By
-- doubles, as casts of each amount to each number of decimals take ten times as long.
measured as (

    select
        *,
        case
            when not is_off then null
            when abs(rough_usd * 1e2 - floor(rough_usd * 1e2 + 0.5)) < 1e-6
                then 0.01
            when abs(rough_usd * 1e3 - floor(rough_usd * 1e3 + 0.5)) < 1e-6
                then 0.001
            when abs(rough_usd * 1e4 - floor(rough_usd * 1e4 + 0.5)) < 1e-6
                then 0.0001
            when abs(rough_usd * 1e5 - floor(rough_usd * 1e5 + 0.5)) < 1e-6
                then 0.00001
            when abs(rough_usd * 1e6 - floor(rough_usd * 1e6 + 0.5)) < 1e-6
                then 0.000001
            when abs(rough_usd * 1e7 - floor(rough_usd * 1e7 + 0.5)) < 1e-6
                then 0.0000001
            when abs(rough_usd * 1e8 - floor(rough_usd * 1e8 + 0.5)) < 1e-6
                then 0.00000001
            when abs(rough_usd * 1e9 - floor(rough_usd * 1e9 + 0.5)) < 1e-6
                then 0.000000001
            when abs(rough_usd * 1e10 - floor(rough_usd * 1e10 + 0.5)) < 1e-6
                then 0.0000000001
            else 0
        end as last_decimal_usd
    from compared

)

select * from measured
