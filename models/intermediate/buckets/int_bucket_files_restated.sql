-- One row per file of the provider's exports that takes the place of a more detailed
-- one: of lines by line item or model, or by project, where its own are not.

with

claims as (

    select * from {{ ref('int_bucket_days_claimed') }}

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
    where
        later.is_whole_day
        and later.is_filled
        and later.project_scope is null
        and earlier.is_filled
        and (
            (earlier.is_itemised and not later.is_itemised)
            or (earlier.has_projects and not later.has_projects)
        )

)

select * from less_detailed
