-- One row per model, effective period and context tier of the price list.

with

prices as (

    select * from {{ ref('int_prices_in_force') }}

),

today as (

    select * from {{ ref('int_today') }}

),

final as (

    select
        prices.model_name,
        prices.provider,
        prices.valid_from,
        case when prices.valid_to < timestamp '9999-12-31' then prices.valid_to end
            as valid_to,
        -- before the first load there is no "today": the last price is the one in force
        case
            when today.as_of is null then prices.valid_to = timestamp '9999-12-31'
            else
                today.as_of >= prices.valid_from
                and today.as_of < prices.valid_to
        end as is_active,
        prices.min_input_tokens,
        prices.input_price_per_1m,
        prices.cached_input_price_per_1m,
        prices.cache_write_price_per_1m,
        prices.output_price_per_1m,
        cast(prices.input_price_per_1m * 0.001 as decimal(18, 9)) as input_price_per_1k,
        cast(prices.output_price_per_1m * 0.001 as decimal(18, 9))
            as output_price_per_1k,
        prices.usd_per_input_token,
        prices.usd_per_cached_input_token,
        prices.usd_per_cache_write_token,
        prices.usd_per_output_token
    from prices
    cross join today

)

select * from final
