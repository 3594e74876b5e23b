-- One row per logged call, and per billed request that no log explains, with the list
-- price of its tokens: the billed ones, or the logged ones where a bill counts none.

with

sides as (

    select
        *,
        case
            when is_priced_by_bill then billed_input_tokens else logged_input_tokens
        end
            as input_tokens,
        case
            when is_priced_by_bill then billed_cached_input_tokens
            else logged_cached_input_tokens
        end as cached_input_tokens,
        case
            when is_priced_by_bill then billed_cache_write_tokens
            else logged_cache_write_tokens
        end as cache_write_tokens,
        case
            when is_priced_by_bill then billed_output_tokens else logged_output_tokens
        end
            as output_tokens
    from {{ ref('int_sides_shared') }}

),

prices as (

    select * from {{ ref('int_prices_in_force') }}

),

priced as (

    select
        sides.*,
        -- what nothing is billed for has its price already
        case
            when sides.is_billed then {{ list_price_usd('sides', 'prices') }}
            else sides.listed_usd
        end as expected_usd
    from sides
    left join prices
        on
            sides.is_billed
            and sides.price_model_name = prices.model_name
            and sides.priced_at >= prices.valid_from
            and sides.priced_at < prices.valid_to
            and sides.input_tokens >= prices.min_input_tokens
            and sides.input_tokens < prices.next_min_input_tokens

)

select * from priced
