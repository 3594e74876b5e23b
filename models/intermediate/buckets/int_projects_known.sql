-- One row per project by which log, usage and bill are compared.

with

known as (

    select {{ project_key('project_id') }} as project_id
    from {{ ref('int_calls_counted') }}

    union

    select project_id from {{ ref('int_cost_lines_classified') }}

    union

    select project_id from {{ ref('int_usage_lines_classified') }}

    union

    -- where a row names none
    select {{ project_key("cast(null as " ~ dbt.type_string() ~ ")") }}

)

select * from known
