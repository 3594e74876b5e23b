-- One row per UTC day and project on which models cannot be told apart: a cost export
-- without line items, or, where no cost export is, a usage export without models.
-- A table, because it is small and every call and bill line looks its day up in it.

{{ config(materialized='table') }}

with

cost_lines as (

    select * from {{ ref('int_cost_lines_classified') }}
    where line_use = 'counted'

),

usage_lines as (

    select * from {{ ref('int_usage_lines_classified') }}
    where line_use = 'counted' and is_call

),

both_exports as (

    select
        usage_date,
        project_id,
        true as is_cost,
        is_ungrouped
    from cost_lines

    union all

    select
        usage_date,
        project_id,
        false as is_cost,
        model is null as is_ungrouped
    from usage_lines

),

ungrouped as (

    select
        usage_date,
        project_id
    from both_exports
    group by 1, 2
    having
        bool_or(is_ungrouped and is_cost)
        or bool_and(is_ungrouped and not is_cost)

)

select * from ungrouped
