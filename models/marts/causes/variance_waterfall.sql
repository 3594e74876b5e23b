-- One row per month, model, side and cause: the steps from the logged to the billed
-- dollars.

with

differences as (

    select * from {{ ref('int_differences_split') }}

),

final as (

    select
        usage_month,
        model,
        side,
        cause,
        cast(sum(row_count) as bigint) as row_count,
        cast(sum(difference_usd) as decimal(30, 18)) as difference_usd
    from differences
    group by 1, 2, 3, 4

)

select * from final
