-- One row per counted line of the cost exports that charges for usage, with the model
-- under which its day is compared.

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

)

select * from placed
