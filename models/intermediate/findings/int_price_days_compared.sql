-- One row per bill grain, model, UTC day, token class (`all` for requests), service
-- tier, region and context tier: whether every amount is the list price of its tokens.
-- A table, because it is small and each step of the way to a price looks itself up.
-- Postgres expects a handful of amounts, and would compare each with every day and with
-- all tiers of its model before it looks at the tier, and then sort them.

{{ config(
    materialized='table',
    pre_hook="{{ planned_with({
        'join_collapse_limit': 1, 'enable_nestloop': 'off', 'enable_sort': 'off'
    }) }}"
) }}

with

amounts as (

    select * from {{ ref('int_billed_amounts_compared') }}

),

summed as (

    select
        bill_grain,
        model_name,
        usage_date,
        token_class,
        service_tier,
        is_regional,
        min_input_tokens,
        multiplier,
        max(next_min_input_tokens) as next_min_input_tokens,
        max(usd_per_input_token) as usd_per_input_token,
        max(usd_per_cached_input_token) as usd_per_cached_input_token,
        max(usd_per_cache_write_token) as usd_per_cache_write_token,
        max(usd_per_output_token) as usd_per_output_token,
        sum(case when billed_usd > 0 then 1 else 0 end) as amount_count,
        sum(case when billed_usd = 0 then 1 else 0 end) as free_count,
        sum(case when is_off then 1 else 0 end) as off_count,
        sum(case when is_off and not is_within_context_tiers then 1 else 0 end)
            as beyond_context_tiers_count,
        -- amounts of $0 are granted tokens: never part of a rate
        sum(
            case
                when billed_usd > 0
                    then input_tokens - cached_input_tokens - cache_write_tokens
            end
        ) as uncached_tokens,
        sum(case when billed_usd > 0 then cached_input_tokens end)
            as cached_input_tokens,
        sum(case when billed_usd > 0 then cache_write_tokens end)
            as cache_write_tokens,
        sum(case when billed_usd > 0 then output_tokens end) as output_tokens,
        sum(billed_usd) as billed_usd,
        max(case when is_off then abs(deviation_usd) end) as max_deviation_usd,
        max(case when is_off then deviation_usd end) as highest_deviation_usd,
        min(last_decimal_usd) as last_decimal_usd
    from amounts
    group by 1, 2, 3, 4, 5, 6, 7, 8

),

-- of several multipliers that a tier may have, the one that most amounts have
ranked as (

    select
        *,
        row_number() over (
            partition by
                bill_grain, model_name, usage_date, token_class,
                service_tier, is_regional, min_input_tokens
            order by
                off_count asc,
                max_deviation_usd asc,
                multiplier asc
        ) as fit_number
    from summed
    where amount_count > 0

),

-- amounts within their last decimal of the list price are the list price, rounded
judged as (

    select
        *,
        row_number() over (
            order by
                bill_grain, model_name, usage_date, token_class,
                service_tier, is_regional, min_input_tokens
        ) as price_day_id,
        off_count = 0 or max_deviation_usd <= last_decimal_usd as is_at_list,
        off_count > 0 and beyond_context_tiers_count = 0 as is_within_context_tiers
    from ranked
    where fit_number = 1

)

select * from judged
