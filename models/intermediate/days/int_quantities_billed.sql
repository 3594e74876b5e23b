-- One row per UTC day, project, model, token class and unit of the cost exports;
-- without quantity and unit where they state none.

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
        usage_date,
        project_id,
        day_model as model,
        token_class,
        quantity_unit,
        cast(sum(quantity) as decimal(38, 18)) as quantity
    from placed
    group by 1, 2, 3, 4, 5

)

select * from summed
