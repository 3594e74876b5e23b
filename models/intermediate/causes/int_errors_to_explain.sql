-- One row per amount that is not the list price of its tokens, by more than the noise
-- of doubles: what was logged or billed for a call, or billed for a day and model.
-- A table, because it is small and is priced again and again.

{{ config(materialized='table') }}

with

priced_pairs as (

    select * from {{ ref('int_pairs_priced') }}

),

bucket_errors as (

    select * from {{ ref('int_bucket_errors') }}

),

sides as (

    select
        priced_pairs.*,
        'log' as side,
        priced_pairs.logged_usd as amount_usd,
        coalesce(priced_pairs.logged_tier, priced_pairs.billed_tier) as service_tier,
        case when priced_pairs.is_counted_otherwise then priced_pairs.listed_usd end
            as as_logged_usd
    from priced_pairs

    union all

    select
        priced_pairs.*,
        'bill' as side,
        priced_pairs.billed_usd as amount_usd,
        coalesce(priced_pairs.billed_tier, priced_pairs.logged_tier) as service_tier,
        -- a bill that does not tell cached tokens apart may still charge them as such
        case
            when
                priced_pairs.billed_cached_input_tokens is null
                and priced_pairs.logged_cached_input_tokens <> 0
                and priced_pairs.logged_input_tokens = priced_pairs.billed_input_tokens
                and priced_pairs.logged_output_tokens
                = priced_pairs.billed_output_tokens
                then priced_pairs.listed_usd
        end as as_logged_usd
    from priced_pairs
    where priced_pairs.is_billed and not priced_pairs.is_credited

),

errors as (

    select
        'usage:' || usage_id as error_key,
        side,
        price_model_name,
        priced_at,
        input_tokens,
        min_input_tokens,
        input_tokens
        - coalesce(cached_input_tokens, 0)
        - coalesce(cache_write_tokens, 0) as uncached_input_tokens,
        coalesce(cached_input_tokens, 0) as cached_input_tokens,
        coalesce(cache_write_tokens, 0) as cache_write_tokens,
        output_tokens,
        case
            when reasoning_tokens between 1 and 999999999999 then reasoning_tokens
        end as reasoning_tokens,
        service_tier,
        is_batch,
        region,
        false as is_uncounted_day,
        is_billed_repeatedly,
        cast(coalesce(fee_usd, 0) as decimal(30, 18)) as fee_usd,
        cast(as_logged_usd as decimal(30, 18)) as as_logged_usd,
        cast(amount_usd as decimal(30, 18)) as amount_usd,
        expected_usd
    from sides

    union all

    select * from bucket_errors

)

select * from errors
where abs(amount_usd - expected_usd) > {{ noise_usd() }}
