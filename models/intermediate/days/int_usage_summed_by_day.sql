-- One row per UTC day, project and model of the usage exports, with the calls that the
-- provider counted.

with

usage_lines as (

    select * from {{ ref('int_usage_lines_classified') }}
    where line_use = 'counted' and is_call

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

),

summed as (

    select
        usage_date,
        project_id,
        day_model as model,
        {{ fitting_tokens('sum(request_count)') }} as reported_requests,
        -- a part of the price would pass for the whole
        cast(
            case when count(*) = count(reported_usd) then sum(reported_usd) end
            as decimal(30, 18)
        ) as reported_usd
    from placed
    group by 1, 2, 3

)

select * from summed
