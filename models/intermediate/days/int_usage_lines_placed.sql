-- One row per counted line of the usage exports, with the model under which its day is
-- compared.

with

usage_lines as (

    select * from {{ ref('int_usage_lines_classified') }}
    where line_use = 'counted'

),

ungrouped_days as (

    select * from {{ ref('int_ungrouped_days') }}

),

placed as (

    select
        usage_lines.*,
        {{ bucket_model('usage_lines.model', 'ungrouped_days') }} as day_model
    from usage_lines
    left join ungrouped_days
        on
            usage_lines.usage_date = ungrouped_days.usage_date
            and usage_lines.project_id = ungrouped_days.project_id

)

select * from placed
