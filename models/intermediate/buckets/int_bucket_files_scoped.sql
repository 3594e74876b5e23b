-- One row per file of the provider's exports: whose lines it can speak for.

with

line_groups as (

    select * from {{ ref('int_bucket_lines_grouped') }}

),

scoped as (

    select
        file_id,
        -- one project or organisation where every filled line names that same one
        case
            when
                count(*) filter (where is_filled)
                = count(project_id) filter (where is_filled)
                and count(distinct project_id) filter (where is_filled) = 1
                then max(project_id) filter (where is_filled)
        end as project_scope,
        case
            when
                count(*) filter (where is_filled)
                = count(organization_id) filter (where is_filled)
                and count(distinct organization_id) filter (where is_filled) = 1
                then max(organization_id) filter (where is_filled)
        end as organization_scope,
        count(project_id) filter (where is_filled) > 0 as has_projects
    from line_groups
    group by 1

)

select * from scoped
