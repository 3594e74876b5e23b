-- One row per amount to explain and price row that may have made it, with what each of
-- its token classes costs there.

with

errors as (

    select * from {{ ref('int_errors_to_explain') }}

),

prices as (

    select * from {{ ref('int_prices_in_force') }}

),

implied_prices as (

    select * from {{ ref('int_price_days_implied') }}

),

candidates as (

    select
        errors.*,
        case
            when prices.valid_from > errors.priced_at then 'later'
            when prices.valid_to <= errors.priced_at then 'earlier'
            when errors.input_tokens >= prices.next_min_input_tokens
                then 'short_context'
            else 'in_force'
        end as price_row,
        prices.usd_per_input_token,
        prices.usd_per_cached_input_token,
        prices.usd_per_cache_write_token,
        prices.usd_per_output_token
    from errors
    -- what the list does not have is still a multiple, or not, of what is expected
    left join prices
        on
            errors.price_model_name = prices.model_name
            and (
                (
                    errors.input_tokens >= prices.min_input_tokens
                    and errors.input_tokens < prices.next_min_input_tokens
                )
                or (
                    prices.min_input_tokens = 0
                    and errors.priced_at >= prices.valid_from
                    and errors.priced_at < prices.valid_to
                )
            )

    union all

    select
        errors.*,
        'implied' as price_row,
        prices.usd_per_input_token,
        prices.usd_per_cached_input_token,
        prices.usd_per_cache_write_token,
        prices.usd_per_output_token
    from errors
    inner join implied_prices as prices
        on
            errors.price_model_name = prices.model_name
            and cast(errors.priced_at as date) = prices.usage_date
            and errors.min_input_tokens = prices.min_input_tokens

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

own_prices as (

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
        fee_usd,
        price_row,
        cast(
            case
                when price_row = 'in_force' then expected_usd
                else uncached_usd + cached_usd + cache_write_usd + output_usd
            end
            as decimal(30, 18)
        ) as listed_usd,
        cast(uncached_usd as decimal(30, 18)) as uncached_usd,
        cast(cached_usd as decimal(30, 18)) as cached_usd,
        cast(cached_at_input_usd as decimal(30, 18)) as cached_at_input_usd,
        cast(cache_write_usd as decimal(30, 18)) as cache_write_usd,
        cast(cache_write_at_input_usd as decimal(30, 18)) as cache_write_at_input_usd,
        cast(output_usd as decimal(30, 18)) as output_usd,
        cast(reasoning_usd as decimal(30, 18)) as reasoning_usd
    from priced

),

as_logged as (

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
        fee_usd,
        'logged_tokens' as price_row,
        as_logged_usd as listed_usd,
        cast(null as decimal(30, 18)) as uncached_usd,
        cast(null as decimal(30, 18)) as cached_usd,
        cast(null as decimal(30, 18)) as cached_at_input_usd,
        cast(null as decimal(30, 18)) as cache_write_usd,
        cast(null as decimal(30, 18)) as cache_write_at_input_usd,
        cast(null as decimal(30, 18)) as output_usd,
        cast(null as decimal(30, 18)) as reasoning_usd
    from errors
    where as_logged_usd is not null

),

all_prices as (

    select * from own_prices

    union all

    select * from as_logged

)

select * from all_prices
