-- One row per amount to explain and price row that may have made it.

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

    union all

    select
        errors.*,
        'logged_tokens' as price_row,
        cast(null as decimal(18, 12)) as usd_per_input_token,
        cast(null as decimal(18, 12)) as usd_per_cached_input_token,
        cast(null as decimal(18, 12)) as usd_per_cache_write_token,
        cast(null as decimal(18, 12)) as usd_per_output_token
    from errors
    where as_logged_usd is not null

)

select * from candidates
