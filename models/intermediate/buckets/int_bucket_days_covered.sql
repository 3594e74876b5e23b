-- One row per kind of export, issuer, UTC day and project that an export covers. The
-- lines of a superseded file still say that the provider was asked about the day.
-- A table, because it is small and log, usage and costs look themselves up in it.

{{ config(materialized='table') }}

with

claims as (

    select * from {{ ref('int_bucket_days_claimed') }}

),

projects as (

    select * from {{ ref('int_projects_known') }}

),

covered as (

    select
        claims.bucket_kind,
        claims.issuer,
        claims.usage_date,
        projects.project_id,
        bool_or(claims.is_whole_day) as is_whole_day,
        max(claims.loaded_at) as last_loaded_at
    from claims
    inner join projects
        on
            claims.project_scope is null
            or {{ project_key('claims.project_scope') }} = projects.project_id
    group by 1, 2, 3, 4

)

select * from covered
