-- One row per amount to explain and price row that may have made it, with what each of
-- its token classes costs there.

with

candidates as (

    select * from {{ ref('int_errors_beside_prices') }}

),

priced as (

    select
        *,
        {{ token_cost_usd('uncached_input_tokens', 'usd_per_input_token') }}
            as uncached_usd,
        {{ token_cost_usd('cached_input_tokens', 'usd_per_cached_input_token') }}
            as cached_usd,
        {{ token_cost_usd('cached_input_tokens', 'usd_per_input_token') }}
            as cached_at_input_usd,
        {{ token_cost_usd('cache_write_tokens', 'usd_per_cache_write_token') }}
            as cache_write_usd,
        {{ token_cost_usd('cache_write_tokens', 'usd_per_input_token') }}
            as cache_write_at_input_usd,
        {{ token_cost_usd('output_tokens', 'usd_per_output_token') }} as output_usd,
        {{ token_cost_usd('reasoning_tokens', 'usd_per_output_token') }}
            as reasoning_usd
    from candidates

),

measured as (

    select
        error_key,
        side,
        amount_usd,
        expected_usd,
        input_tokens,
        priced_at,
        service_tier,
        is_batch,
        region,
        is_uncounted_day,
        is_billed_repeatedly,
        fee_usd,
        price_row,
        cast(
            case price_row
                when 'in_force' then expected_usd
                when 'logged_tokens' then as_logged_usd
                else uncached_usd + cached_usd + cache_write_usd + output_usd
            end
            as decimal(30, 18)
        ) as listed_usd,
        -- the classes are those of the tokens that count, not of those we logged
        {{ known_class_costs("price_row <> 'logged_tokens'") }}
    from priced

)

select * from measured
