-- One row per price day that differs from the list, with the price per token that is
-- proposed for each class: the solution to the sixth decimal per 1M tokens. The list's
-- where the day has no tokens of the class, none where no sensible price comes out.

with

price_days as (

    select * from {{ ref('int_price_days_compared') }}

),

solved as (

    select * from {{ ref('int_price_days_solved') }}

),

-- prices that no provider has would only not fit into the decimals
sensible as (

    select
        price_day_id,
        determinant,
        case when abs(uncached_per_1m) < 100000 then uncached_per_1m end
            as uncached_per_1m,
        case when abs(cached_per_1m) < 100000 then cached_per_1m end as cached_per_1m,
        case when abs(written_per_1m) < 100000 then written_per_1m end
            as written_per_1m,
        case when abs(output_per_1m) < 100000 then output_per_1m end as output_per_1m
    from solved

),

moved as (

    select
        price_days.price_day_id,
        price_days.bill_grain,
        price_days.model_name,
        price_days.usage_date,
        price_days.token_class,
        price_days.service_tier,
        price_days.is_regional,
        price_days.min_input_tokens,
        price_days.next_min_input_tokens,
        sensible.determinant,
        cast(
            price_days.usd_per_input_token
            + case
                when price_days.uncached_tokens = 0 then 0
                else cast(sensible.uncached_per_1m as decimal(18, 6)) * 0.000001
            end
            as decimal(18, 12)
        ) as usd_per_input_token,
        cast(
            price_days.usd_per_cached_input_token
            + case
                when price_days.cached_input_tokens = 0 then 0
                else cast(sensible.cached_per_1m as decimal(18, 6)) * 0.000001
            end
            as decimal(18, 12)
        ) as usd_per_cached_input_token,
        cast(
            price_days.usd_per_cache_write_token
            + case
                when price_days.cache_write_tokens = 0 then 0
                else cast(sensible.written_per_1m as decimal(18, 6)) * 0.000001
            end
            as decimal(18, 12)
        ) as usd_per_cache_write_token,
        cast(
            price_days.usd_per_output_token
            + case
                when price_days.output_tokens = 0 then 0
                else cast(sensible.output_per_1m as decimal(18, 6)) * 0.000001
            end
            as decimal(18, 12)
        ) as usd_per_output_token
    from price_days
    inner join sensible
        on price_days.price_day_id = sensible.price_day_id

)

select * from moved
