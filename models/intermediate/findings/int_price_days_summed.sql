-- One row per price day that differs from the list: the sums of its normal equations,
-- tokens against tokens and tokens against what is billed beyond the list price. In
-- doubles: they only propose a price, which a multiplication of decimals then decides.

with

amounts as (

    select * from {{ ref('int_billed_amounts_placed') }}
    where billed_usd > 0

),

price_days as (

    select * from {{ ref('int_price_days_compared') }}
    where not is_at_list

),

placed as (

    select
        price_days.price_day_id,
        cast(
            amounts.input_tokens
            - amounts.cached_input_tokens
            - amounts.cache_write_tokens
            as {{ type_double() }}
        ) as uncached,
        cast(amounts.cached_input_tokens as {{ type_double() }}) as cached,
        cast(amounts.cache_write_tokens as {{ type_double() }}) as written,
        cast(amounts.output_tokens as {{ type_double() }}) as output,
        cast(
            amounts.billed_usd - {{ list_price_usd('amounts', 'price_days') }}
            as {{ type_double() }}
        ) as deviation
    from amounts
    inner join price_days
        on
            amounts.bill_grain = price_days.bill_grain
            and amounts.model_name = price_days.model_name
            and amounts.usage_date = price_days.usage_date
            and amounts.token_class = price_days.token_class
            and amounts.service_tier = price_days.service_tier
            and amounts.is_regional = price_days.is_regional
            and amounts.context_tokens >= price_days.min_input_tokens
            and amounts.context_tokens < price_days.next_min_input_tokens

),

summed as (

    select
        price_day_id,
        sum(uncached * uncached) as uncached_uncached,
        sum(uncached * cached) as uncached_cached,
        sum(uncached * written) as uncached_written,
        sum(uncached * output) as uncached_output,
        sum(cached * cached) as cached_cached,
        sum(cached * written) as cached_written,
        sum(cached * output) as cached_output,
        sum(written * written) as written_written,
        sum(written * output) as written_output,
        sum(output * output) as output_output,
        sum(uncached * deviation) as uncached_deviation,
        sum(cached * deviation) as cached_deviation,
        sum(written * deviation) as written_deviation,
        sum(output * deviation) as output_deviation
    from placed
    group by 1

)

select * from summed
