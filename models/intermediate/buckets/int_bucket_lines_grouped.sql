-- One row per file, kind, bucket, project and organisation of the provider's exports:
-- the lines of a file that a later file supersedes or leaves as one.
-- The kind is `costs`, or the usage kind.
-- A table, because it is small and each question about restatement reads it again.

{{ config(materialized='table') }}

with

cost_lines as (

    select * from {{ ref('stg_provider__cost_buckets') }}

),

usage_lines as (

    select * from {{ ref('stg_provider__usage_buckets') }}

),

files as (

    select * from {{ ref('stg_loader__loaded_files') }}

),

cost_groups as (

    select
        file_id,
        'costs' as bucket_kind,
        bucket_start,
        bucket_end,
        usage_date,
        project_id,
        organization_id,
        -- an empty row only covers its day
        bool_or(is_filled) as is_filled,
        bool_or(line_item is not null) as is_itemised,
        count(*) as line_count,
        cast(coalesce(sum(amount_usd), 0) as decimal(30, 18)) as amount_usd
    from cost_lines
    group by 1, 2, 3, 4, 5, 6, 7

),

usage_groups as (

    select
        file_id,
        usage_kind as bucket_kind,
        bucket_start,
        bucket_end,
        usage_date,
        project_id,
        organization_id,
        bool_or(is_filled) as is_filled,
        bool_or(reported_model is not null) as is_itemised,
        count(*) as line_count,
        cast(0 as decimal(30, 18)) as amount_usd
    from usage_lines
    group by 1, 2, 3, 4, 5, 6, 7

),

both_exports as (

    select * from cost_groups

    union all

    select * from usage_groups

),

grouped as (

    select
        both_exports.*,
        files.issuer,
        files.load_number,
        files.loaded_at
    from both_exports
    left join files
        on both_exports.file_id = files.file_id

)

select * from grouped
