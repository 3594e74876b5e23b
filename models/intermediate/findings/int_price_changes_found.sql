-- One row per model, UTC day and context tier on which a price begins to differ from
-- the list, or ceases to, with the price of each class that the bill proved last.

with

-- the list has the standard price alone; days that are open prove nothing
periods as (

    select * from {{ ref('int_price_periods_joined') }}
    where
        service_tier = 'default'
        and not is_regional
        and token_class <> 'all'
        and price_state <> 'open'

),

followed as (

    select
        *,
        lag(price_state) over (
            partition by bill_grain, model_name, min_input_tokens, token_class
            order by first_date
        ) as state_before
    from periods

),

changes as (

    select distinct
        model_name,
        min_input_tokens,
        first_date as effective_from
    from followed
    where price_state = 'implied' or state_before = 'implied'

),

-- each class has the price that it had last
ranked as (

    select
        changes.model_name,
        changes.min_input_tokens,
        changes.effective_from,
        periods.token_class,
        periods.implied_price_per_1m,
        case when periods.price_state = 'listed' then periods.listed_price_per_1m end
            as listed_price_per_1m,
        row_number() over (
            partition by
                changes.model_name, changes.min_input_tokens, changes.effective_from,
                periods.token_class
            order by periods.first_date desc, periods.bill_grain desc
        ) as newest_first
    from changes
    inner join periods
        on
            changes.model_name = periods.model_name
            and changes.min_input_tokens = periods.min_input_tokens
            and changes.effective_from >= periods.first_date

),

pivoted as (

    select
        model_name,
        min_input_tokens,
        effective_from,
        max(case when token_class = 'input' then implied_price_per_1m end)
            as input_price_per_1m,
        max(case when token_class = 'cached_input' then implied_price_per_1m end)
            as cached_input_price_per_1m,
        max(case when token_class = 'cache_write' then implied_price_per_1m end)
            as cache_write_price_per_1m,
        max(case when token_class = 'output' then implied_price_per_1m end)
            as output_price_per_1m,
        max(case when token_class = 'cached_input' then listed_price_per_1m end)
            as cached_input_as_listed,
        max(case when token_class = 'cache_write' then listed_price_per_1m end)
            as cache_write_as_listed
    from ranked
    where newest_first = 1
    group by 1, 2, 3

)

select * from pivoted
