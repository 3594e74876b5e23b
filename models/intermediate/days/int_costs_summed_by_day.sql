-- One row per issuer, UTC day, project and model of the cost exports, with what was
-- charged for usage.

with

cost_lines as (

    select * from {{ ref('int_cost_lines_classified') }}
    where line_use = 'counted' and charge_kind in ('usage', 'evals')

),

ungrouped_days as (

    select * from {{ ref('int_ungrouped_days') }}

),

placed as (

    select
        cost_lines.*,
        {{ bucket_model('cost_lines.model', 'ungrouped_days') }} as day_model
    from cost_lines
    left join ungrouped_days
        on
            cost_lines.usage_date = ungrouped_days.usage_date
            and cost_lines.project_id = ungrouped_days.project_id

),

summed as (

    select
        issuer,
        usage_date,
        project_id,
        day_model as model,
        max(load_number) as load_number,
        cast(coalesce(sum(amount_usd), 0) as decimal(30, 18)) as bucket_usd,
        -- a line that charges nothing for nothing is no bucket
        bool_or(coalesce(amount_usd, 0) <> 0 or coalesce(quantity, 0) <> 0)
            as is_charged,
        bool_and(token_class in ('tool_call', 'storage')) as is_not_loggable
    from placed
    group by 1, 2, 3, 4

)

select * from summed
where is_charged
