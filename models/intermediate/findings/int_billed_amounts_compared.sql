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
        ) as deviation_usd
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

),

-- a class that the list has no price for cannot differ from it
compared as (

    select
        *,
        billed_usd > 0 and abs(deviation_usd) > 0.000000000001 as is_off
    from priced
    where deviation_usd is not null

),

-- the last decimal that an amount has; 0 where there are too many for a rounded amount
measured as (

    select
        *,
        case
            when not is_off then null
            when billed_usd = cast(billed_usd as decimal(20, 2)) then 0.01
            when billed_usd = cast(billed_usd as decimal(20, 3)) then 0.001
            when billed_usd = cast(billed_usd as decimal(20, 4)) then 0.0001
            when billed_usd = cast(billed_usd as decimal(20, 5)) then 0.00001
            when billed_usd = cast(billed_usd as decimal(20, 6)) then 0.000001
            when billed_usd = cast(billed_usd as decimal(20, 7)) then 0.0000001
            when billed_usd = cast(billed_usd as decimal(20, 8)) then 0.00000001
            when billed_usd = cast(billed_usd as decimal(20, 9)) then 0.000000001
            when billed_usd = cast(billed_usd as decimal(20, 10)) then 0.0000000001
            else 0
        end as last_decimal_usd
    from compared

)

select * from measured
