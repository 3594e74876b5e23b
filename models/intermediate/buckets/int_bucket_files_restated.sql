-- One row per file of the provider's exports that takes the place of a more detailed
-- one, of lines by line item or model, or by project, and is still in force.

with

claims as (

    select * from {{ ref('int_bucket_days_claimed') }}

),

counted_lines as (

    select * from {{ ref('int_bucket_lines_classified') }}
    where is_filled and line_use = 'counted'

),

less_detailed as (

    select distinct later.file_id
    from claims as later
    inner join claims as earlier
        on
            later.issuer = earlier.issuer
            and later.bucket_kind = earlier.bucket_kind
            and later.usage_date = earlier.usage_date
            and later.load_number > earlier.load_number
    inner join counted_lines
        on
            later.file_id = counted_lines.file_id
            and later.bucket_kind = counted_lines.bucket_kind
            and later.usage_date = counted_lines.usage_date
    where
        later.is_whole_day
        and later.is_filled
        and later.project_scope is null
        and earlier.is_filled
        and coalesce(earlier.organization_scope, later.organization_scope, '')
        = coalesce(later.organization_scope, earlier.organization_scope, '')
        and (
            (earlier.is_itemised and not later.is_itemised)
            or (earlier.has_projects and not later.has_projects)
        )

)

select * from less_detailed
