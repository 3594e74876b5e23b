-- One row per counted line of a request-level bill, with its amount: what the line
-- states, or the list price of its tokens where it states none.

with

lines as (

    select * from {{ ref('int_bill_lines_classified') }}
    where line_use = 'counted'

),

names as (

    select * from {{ ref('int_models_named') }}

),

prices as (

    select * from {{ ref('int_prices_in_force') }}

),

named as (

    select
        lines.*,
        names.model,
        names.price_model_name
    from lines
    left join names
        on lines.billed_model = names.model_written

),

priced as (

    select
        named.*,
        cast(
            coalesce(named.stated_usd, {{ list_price_usd('named', 'prices') }})
            as decimal(30, 18)
        ) as amount_usd
    from named
    left join prices
        on
            named.stated_usd is null
            and named.price_model_name = prices.model_name
            and named.billed_at >= prices.valid_from
            and named.billed_at < prices.valid_to
            and named.input_tokens >= prices.min_input_tokens
            and named.input_tokens < prices.next_min_input_tokens

)

select * from priced
