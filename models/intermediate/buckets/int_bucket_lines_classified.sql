-- One row per file, kind, bucket, project and organisation of the provider's exports,
-- with the one use that is made of its lines: counted, superseded (another file speaks
-- for them), or excluded (of a project that is not asked for).
-- A table, because it is small and every bucket line looks itself up in it.

{{ config(materialized='table') }}

with

placed as (

    select * from {{ ref('int_bucket_lines_placed') }}

),

superseded as (

    select * from {{ ref('int_bucket_lines_superseded') }}

),

classified as (

    select
        placed.*,
        case
            when superseded.file_id is not null then 'superseded'
            when placed.is_filled and not placed.is_asked_for then 'excluded'
            else 'counted'
        end as line_use
    from placed
    left join superseded
        on
            placed.file_id = superseded.file_id
            and placed.bucket_kind = superseded.bucket_kind
            and placed.bucket_start = superseded.bucket_start
            and placed.bucket_end = superseded.bucket_end
            and placed.project_id is not distinct from superseded.project_id
            and placed.organization_id is not distinct from superseded.organization_id

)

select * from classified
