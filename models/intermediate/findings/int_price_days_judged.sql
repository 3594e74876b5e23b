-- One row per price day: at the list price, at other prices that its amounts prove, or
-- open, with the reason why no price is proven.
-- Kept from build to build, as the amounts behind it are not read again.

{{ config(materialized='incremental') }}

with

price_days as (

    select * from {{ ref('int_price_days_compared') }}

),

proofs as (

    select * from {{ ref('int_price_days_proven') }}

),

measured as (

    select
        price_days.*,
        proofs.determinant,
        proofs.max_residual_usd,
        proofs.usd_per_input_token as implied_usd_per_input_token,
        proofs.usd_per_cached_input_token as implied_usd_per_cached_input_token,
        proofs.usd_per_cache_write_token as implied_usd_per_cache_write_token,
        proofs.usd_per_output_token as implied_usd_per_output_token,
        case when price_days.uncached_tokens > 0 then 1 else 0 end
        + case when price_days.cached_input_tokens > 0 then 1 else 0 end
        + case when price_days.cache_write_tokens > 0 then 1 else 0 end
        + case when price_days.output_tokens > 0 then 1 else 0 end as class_count,
        case price_days.token_class
            when 'input' then price_days.usd_per_input_token
            when 'cached_input' then price_days.usd_per_cached_input_token
            when 'cache_write' then price_days.usd_per_cache_write_token
            when 'output' then price_days.usd_per_output_token
        end as usd_per_item_token
    from price_days
    left join proofs
        on price_days.price_day_id = proofs.price_day_id

),

weighed as (

    select
        *,
        uncached_tokens + cached_input_tokens + cache_write_tokens + output_tokens
            as token_count,
        floor(
            cast(billed_usd as {{ type_double() }})
            / nullif(cast(usd_per_item_token as {{ type_double() }}), 0) + 0.5
        ) as paid_tokens,
        coalesce(
            max_residual_usd <= 0.000000000001
            and coalesce(implied_usd_per_input_token, 0) >= 0
            and coalesce(implied_usd_per_cached_input_token, 0) >= 0
            and coalesce(implied_usd_per_cache_write_token, 0) >= 0
            and coalesce(implied_usd_per_output_token, 0) >= 0,
            false
        ) as is_proven
    from measured

),

-- an item that costs a whole number of tokens at list price, but fewer than it states
priced as (

    select
        *,
        case
            when paid_tokens < token_count
                then
                    abs(
                        billed_usd
                        - cast(paid_tokens as decimal(19, 0)) * usd_per_item_token
                    )
                    <= 0.000000000001
        end as is_partly_free
    from weighed

),

judged as (

    select
        *,
        case
            when is_at_list then null
            when
                bill_grain = 'request' and amount_count <= class_count
                then 'too few rows'
            -- of a small quantity nearly any amount is a price of six decimals
            when
                bill_grain = 'bucket' and token_count < 1000
                then 'too few tokens'
            when is_proven then null
            when determinant < 0.000001 then 'collinear tokens'
            when
                last_decimal_usd > 0 and max_residual_usd <= last_decimal_usd
                then 'amounts are rounded'
            when
                highest_deviation_usd < 0
                and (free_count > 0 or is_partly_free)
                then 'free tokens inside'
            when off_count < amount_count then 'several prices in one day'
            else 'no price fits every row'
        end as why_not
    from priced

)

select * from judged
