-- One row per model, token class, service tier and period in which the bill implies
-- another price than the list's, or differs from the list and proves no price.

with

-- what is open cannot be told apart by class, but for the items of a cost export
periods as (

    select * from {{ ref('int_price_periods_joined') }}
    where
        price_state = 'implied'
        or (
            price_state = 'open'
            and (token_class = 'all' or bill_grain = 'bucket')
        )

),

price_rows as (

    select * from {{ ref('int_price_rows_suggested') }}

),

final as (

    select
        periods.model_name as model,
        periods.token_class,
        periods.service_tier,
        periods.listed_price_per_1m,
        periods.implied_price_per_1m,
        periods.first_date,
        periods.last_date,
        periods.request_count,
        periods.token_quantity,
        periods.billed_usd,
        periods.price_state = 'implied' as is_exact,
        price_rows.price_row as suggested_row,
        case
            when periods.why_not is not null then periods.why_not
            when price_rows.price_row is null then 'another tier or region'
        end as why_not
    from periods
    left join price_rows
        on
            periods.price_state = 'implied'
            and periods.service_tier = 'default'
            and not periods.is_regional
            and periods.model_name = price_rows.model_name
            and periods.min_input_tokens = price_rows.min_input_tokens
            and periods.first_date = price_rows.effective_from

)

select * from final
