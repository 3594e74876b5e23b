-- One row per file, kind and UTC day of the provider's exports: whether the file covers
-- the day wholly, and which later file, if any, restates all projects of the day.
-- A table, because it is small and every group of lines is compared with it.

{{ config(materialized='table') }}

with

line_groups as (

    select * from {{ ref('int_bucket_lines_grouped') }}

),

file_scopes as (

    select * from {{ ref('int_bucket_files_scoped') }}

),

buckets as (

    select
        file_id,
        issuer,
        load_number,
        loaded_at,
        bucket_kind,
        usage_date,
        bucket_start,
        bucket_end,
        bool_or(is_filled) as is_filled,
        bool_or(is_itemised) as is_itemised
    from line_groups
    group by 1, 2, 3, 4, 5, 6, 7, 8

),

followed as (

    select
        *,
        -- where the buckets before this one reach to, the day's beginning for the first
        coalesce(
            max(bucket_end) over (
                partition by file_id, bucket_kind, usage_date
                order by bucket_start, bucket_end
                rows between unbounded preceding and 1 preceding
            ),
            cast(usage_date as timestamp)
        ) as reached_at
    from buckets

),

days as (

    select
        file_id,
        issuer,
        load_number,
        loaded_at,
        bucket_kind,
        usage_date,
        bool_or(is_filled) as is_filled,
        bool_or(is_itemised) as is_itemised,
        bool_and(bucket_start <= reached_at)
        and max(bucket_end) >= cast(usage_date as timestamp) + interval '1' day
            as is_whole_day
    from followed
    group by 1, 2, 3, 4, 5, 6

),

scoped as (

    select
        days.*,
        file_scopes.project_scope,
        file_scopes.organization_scope,
        file_scopes.has_projects
    from days
    inner join file_scopes
        on days.file_id = file_scopes.file_id

),

restated as (

    select
        earlier.file_id,
        earlier.bucket_kind,
        earlier.usage_date,
        min(later.load_number) as restating_load_number
    from scoped as earlier
    inner join scoped as later
        on
            earlier.issuer = later.issuer
            and earlier.bucket_kind = later.bucket_kind
            and earlier.usage_date = later.usage_date
            and earlier.load_number < later.load_number
    where
        later.is_whole_day
        and later.project_scope is null
        and coalesce(earlier.organization_scope, later.organization_scope, '')
        = coalesce(later.organization_scope, earlier.organization_scope, '')
    group by 1, 2, 3

),

claimed as (

    select
        scoped.*,
        restated.restating_load_number
    from scoped
    left join restated
        on
            scoped.file_id = restated.file_id
            and scoped.bucket_kind = restated.bucket_kind
            and scoped.usage_date = restated.usage_date

)

select * from claimed
