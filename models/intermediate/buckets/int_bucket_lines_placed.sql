-- One row per file, kind, bucket, project and organisation of the provider's exports,
-- with what its file says of the bucket's day.

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

)

select * from placed
