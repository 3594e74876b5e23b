-- One row per file, kind, bucket, project and organisation of the provider's exports
-- that another file speaks for.

with

placed as (

    select * from {{ ref('int_bucket_lines_placed') }}

),

claims as (

    select * from {{ ref('int_bucket_days_claimed') }}

),

-- another file says what the whole day was
restated as (

    select
        placed.file_id,
        placed.bucket_kind,
        placed.bucket_start,
        placed.bucket_end,
        placed.project_id,
        placed.organization_id
    from placed
    inner join claims as other_days
        on
            placed.issuer = other_days.issuer
            and placed.bucket_kind = other_days.bucket_kind
            and placed.usage_date = other_days.usage_date
            and placed.file_id <> other_days.file_id
    where
        -- it takes the place of what was loaded before it, and of parts of the day
        (
            other_days.is_whole_day
            and (other_days.load_number > placed.load_number or not placed.is_whole_day)
            and (
                other_days.project_scope is null
                or other_days.project_scope = coalesce(placed.project_id, '')
            )
            and coalesce(placed.organization_id, other_days.organization_scope, '')
            = coalesce(other_days.organization_scope, placed.organization_id, '')
        )
        -- what one project costs is inside an earlier file that names no project
        or (
            placed.project_scope is not null
            and not other_days.has_projects
            and other_days.is_filled
            and other_days.load_number < placed.load_number
            and coalesce(other_days.restating_load_number > placed.load_number, true)
            and coalesce(placed.organization_scope, other_days.organization_scope, '')
            = coalesce(other_days.organization_scope, placed.organization_scope, '')
        )

),

partial_days as (

    select * from placed
    where not is_whole_day

),

-- of two files that hold parts of a day, the later wins where it has the same bucket
repeated_parts as (

    select
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

superseded as (

    select * from restated

    union

    select * from repeated_parts

)

select * from superseded
