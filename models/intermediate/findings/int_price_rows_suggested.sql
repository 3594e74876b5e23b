-- One row per model, UTC day and context tier with which the price list would say what
-- the bill says: where a price differs from the list, and where it is back to it.
-- A table, because it is small, and read by the mart and by update_prices.py.

{{ config(materialized='table') }}

with

changes as (

    select * from {{ ref('int_price_changes_found') }}

),

prices as (

    select * from {{ ref('int_prices_in_force') }}

),

filled as (

    select
        prices.provider,
        changes.model_name,
        changes.effective_from,
        changes.min_input_tokens,
        coalesce(changes.input_price_per_1m, prices.input_price_per_1m)
            as input_price_per_1m,
        -- left empty it would follow the input price, which the bill denies
        coalesce(
            changes.cached_input_price_per_1m,
            prices.cached_input_price_per_1m,
            changes.cached_input_as_listed
        ) as cached_input_price_per_1m,
        coalesce(
            changes.cache_write_price_per_1m,
            prices.cache_write_price_per_1m,
            changes.cache_write_as_listed
        ) as cache_write_price_per_1m,
        coalesce(changes.output_price_per_1m, prices.output_price_per_1m)
            as output_price_per_1m
    from changes
    inner join prices
        on
            changes.model_name = prices.model_name
            and changes.min_input_tokens = prices.min_input_tokens
            and changes.effective_from >= prices.valid_from
            and changes.effective_from < prices.valid_to

),

written as (

    select
        *,
        provider
        || ',' || model_name
        || ',' || cast(effective_from as {{ dbt.type_string() }})
        || ',' || cast(min_input_tokens as {{ dbt.type_string() }})
        || ',' || {{ plain_price('input_price_per_1m') }}
        || ',' || {{ plain_price('cached_input_price_per_1m') }}
        || ',' || {{ plain_price('cache_write_price_per_1m') }}
        || ',' || {{ plain_price('output_price_per_1m') }}
        || ',bill ' || cast(effective_from as {{ dbt.type_string() }})
            as price_row
    from filled

)

select * from written
