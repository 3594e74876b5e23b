-- One row per UTC day and project that a bill covers, whatever its grain and issuer.
-- A table, because it is small and every call looks its day up in it.

{{ config(materialized='table') }}

with

request_days as (

    select * from {{ ref('int_days_covered') }}

),

bucket_days as (

    select * from {{ ref('int_bucket_days_covered') }}

),

projects as (

    select * from {{ ref('int_projects_known') }}

),

both_grains as (

    select
        usage_date,
        project_id,
        last_loaded_at
    from bucket_days
    where bucket_kind = 'costs'

    union all

    -- a request-level bill names no project, so it speaks for all
    select
        request_days.usage_date,
        projects.project_id,
        request_days.last_loaded_at
    from request_days
    cross join projects

),

covered as (

    select
        usage_date,
        project_id,
        max(last_loaded_at) as last_loaded_at
    from both_grains
    group by 1, 2

)

select * from covered
