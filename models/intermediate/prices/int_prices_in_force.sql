-- One row per model, context tier and period between two price changes of the model.
-- A table, because it is small, a dozen models read it, and what Postgres joins to a
-- view of this kind it joins in one process.

{{ config(materialized='table') }}

with

prices as (

    select * from {{ ref('ai_model_pricing') }}

),

changes as (

    select distinct
        model_name,
        effective_from
    from prices

),

periods as (

    select
        model_name,
        effective_from as valid_from,
        coalesce(
            lead(effective_from) over (partition by model_name order by effective_from),
            timestamp '9999-12-31'
        ) as valid_to
    from changes

),

-- a row stays in force until the next row of its own tier, whatever other tiers do
rows_so_far as (

    select
        periods.valid_from,
        periods.valid_to,
        prices.*,
        row_number() over (
            partition by prices.model_name, periods.valid_from, prices.min_input_tokens
            order by prices.effective_from desc
        ) as newest_first
    from periods
    inner join prices
        on
            periods.model_name = prices.model_name
            and periods.valid_from >= prices.effective_from

),

in_force as (

    select
        provider,
        model_name,
        valid_from,
        valid_to,
        min_input_tokens,
        -- exclusive
        coalesce(
            lead(min_input_tokens) over (
                partition by model_name, valid_from order by min_input_tokens
            ),
            1000000000000000000
        ) as next_min_input_tokens,
        input_price_per_1m,
        cached_input_price_per_1m,
        cache_write_price_per_1m,
        output_price_per_1m,
        -- a price that the list lacks for cached or written tokens is the input price
        cast(input_price_per_1m * 0.000001 as decimal(18, 12)) as usd_per_input_token,
        cast(
            coalesce(cached_input_price_per_1m, input_price_per_1m) * 0.000001
            as decimal(18, 12)
        ) as usd_per_cached_input_token,
        cast(
            coalesce(cache_write_price_per_1m, input_price_per_1m) * 0.000001
            as decimal(18, 12)
        ) as usd_per_cache_write_token,
        cast(output_price_per_1m * 0.000001 as decimal(18, 12)) as usd_per_output_token
    from rows_so_far
    where newest_first = 1

)

select * from in_force
