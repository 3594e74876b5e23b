-- One row per month of the cost exports, with what is outside of every day's comparison
-- and what no line item explains.

with

cost_lines as (

    select * from {{ ref('int_cost_lines_classified') }}
    where line_use = 'counted'

),

marked as (

    select
        cast(date_trunc('month', usage_date) as date) as usage_month,
        amount_usd,
        charge_kind not in ('usage', 'evals') as is_non_usage,
        charge_kind in ('usage', 'evals')
        and token_class = 'unmapped'
        and (coalesce(amount_usd, 0) <> 0 or coalesce(quantity, 0) <> 0)
            as is_unmapped,
        coalesce(line_item, '') as item_written
    from cost_lines

),

summed as (

    select
        usage_month,
        cast(
            sum(case when is_non_usage then coalesce(amount_usd, 0) else 0 end)
            as decimal(30, 18)
        ) as non_usage_usd,
        cast(
            sum(case when is_unmapped then coalesce(amount_usd, 0) else 0 end)
            as decimal(30, 18)
        ) as unmapped_usd,
        count(distinct case when is_unmapped then item_written end)
            as unmapped_line_item_count
    from marked
    group by 1

)

select * from summed
