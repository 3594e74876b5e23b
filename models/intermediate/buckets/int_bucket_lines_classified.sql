-- One row per file, kind, bucket, project and organisation of the provider's exports,
-- with the one use that is made of its lines: counted, superseded (another file speaks
-- for them), or excluded (of a project that is not asked for).
-- A table, because it is small and every bucket line looks itself up in it.

{{ config(materialized='table') }}

with

line_groups as (

    select * from {{ ref('int_bucket_lines_grouped') }}

),

claims as (

    select * from {{ ref('int_bucket_days_claimed') }}

),

placed as (

    select
        line_groups.*,
        {{ is_billed_project('line_groups.project_id') }} as is_asked_for,
        claims.is_whole_day,
        claims.is_itemised as is_itemised_day,
        claims.project_scope,
        claims.organization_scope
    from line_groups
    inner join claims
        on
            line_groups.file_id = claims.file_id
            and line_groups.bucket_kind = claims.bucket_kind
            and line_groups.usage_date = claims.usage_date

),

-- what other files say of the same day
compared as (

    select
        placed.file_id,
        placed.bucket_kind,
        placed.bucket_start,
        placed.bucket_end,
        placed.project_id,
        placed.organization_id,
        -- a whole day takes the place of what was loaded before it, and of its parts
        bool_or(
            other_days.is_whole_day
            and (other_days.load_number > placed.load_number or not placed.is_whole_day)
            and (
                other_days.project_scope is null
                or other_days.project_scope = coalesce(placed.project_id, '')
            )
            and coalesce(placed.organization_id, other_days.organization_scope, '')
            = coalesce(other_days.organization_scope, placed.organization_id, '')
        ) as is_restated,
        -- what one project costs is inside an earlier file that names no project
        bool_or(
            placed.project_scope is not null
            and not other_days.has_projects
            and other_days.is_filled
            and other_days.load_number < placed.load_number
            and coalesce(other_days.restating_load_number > placed.load_number, true)
            and coalesce(placed.organization_scope, other_days.organization_scope, '')
            = coalesce(other_days.organization_scope, placed.organization_scope, '')
        ) as is_contained
    from placed
    inner join claims as other_days
        on
            placed.issuer = other_days.issuer
            and placed.bucket_kind = other_days.bucket_kind
            and placed.usage_date = other_days.usage_date
            and placed.file_id <> other_days.file_id
    group by 1, 2, 3, 4, 5, 6

),

partial_days as (

    select * from placed
    where not is_whole_day

),

-- of two files that hold parts of a day, the later wins where it has the same bucket
repeated_parts as (

    select distinct
        earlier.file_id,
        earlier.bucket_kind,
        earlier.bucket_start,
        earlier.bucket_end,
        earlier.project_id,
        earlier.organization_id
    from partial_days as earlier
    inner join partial_days as later
        on
            earlier.issuer = later.issuer
            and earlier.bucket_kind = later.bucket_kind
            and earlier.bucket_start = later.bucket_start
            and earlier.bucket_end = later.bucket_end
            and earlier.load_number < later.load_number
    where
        (
            later.project_scope is null
            or later.project_scope = coalesce(earlier.project_id, '')
        )
        and coalesce(earlier.organization_id, later.organization_scope, '')
        = coalesce(later.organization_scope, earlier.organization_id, '')

),

classified as (

    select
        placed.*,
        case
            when
                compared.is_restated
                or compared.is_contained
                or repeated_parts.file_id is not null
                then 'superseded'
            when placed.is_filled and not placed.is_asked_for then 'excluded'
            else 'counted'
        end as line_use
    from placed
    left join compared
        on
            placed.file_id = compared.file_id
            and placed.bucket_kind = compared.bucket_kind
            and placed.bucket_start = compared.bucket_start
            and placed.bucket_end = compared.bucket_end
            and placed.project_id is not distinct from compared.project_id
            and placed.organization_id is not distinct from compared.organization_id
    left join repeated_parts
        on
            placed.file_id = repeated_parts.file_id
            and placed.bucket_kind = repeated_parts.bucket_kind
            and placed.bucket_start = repeated_parts.bucket_start
            and placed.bucket_end = repeated_parts.bucket_end
            and placed.project_id is not distinct from repeated_parts.project_id
            and placed.organization_id
            is not distinct from repeated_parts.organization_id

)

select * from classified
