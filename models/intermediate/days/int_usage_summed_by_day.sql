-- One row per UTC day, project and model of the usage exports, with the calls that the
-- provider counted.

with

usage_lines as (

    select * from {{ ref('int_usage_lines_placed') }}
    where is_call

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
    from usage_lines
    group by 1, 2, 3

)

select * from summed
