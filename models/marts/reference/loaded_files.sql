-- One row per loaded file, and what became of its dollars.

with

files as (

    select * from {{ ref('stg_loader__loaded_files') }}

),

lines as (

    select * from {{ ref('int_loaded_lines_counted') }}

),

less_detailed as (

    select * from {{ ref('int_bucket_files_restated') }}

),

-- a row of a log that is gone was replaced by a later file's row of the same call
final as (

    select
        files.file_id,
        files.load_number,
        files.file_name,
        files.format,
        files.grain,
        files.issuer,
        files.byte_count,
        files.line_count,
        files.accepted_line_count,
        files.rejected_line_count,
        files.accepted_usd,
        files.first_at,
        files.last_at,
        files.loaded_at,
        cast(coalesce(lines.duplicate_line_count, 0) as bigint)
            as duplicate_line_count,
        cast(
            case
                when files.grain = 'usage_log'
                    then
                        files.accepted_line_count
                        - coalesce(lines.counted_line_count, 0)
                else coalesce(lines.superseded_line_count, 0)
            end as bigint
        ) as superseded_line_count,
        cast(coalesce(lines.excluded_line_count, 0) as bigint) as excluded_line_count,
        cast(coalesce(lines.duplicate_usd, 0) as decimal(30, 18)) as duplicate_usd,
        cast(
            case
                when files.grain = 'usage_log'
                    then files.accepted_usd - coalesce(lines.reconciled_usd, 0)
                else coalesce(lines.superseded_usd, 0)
            end as decimal(30, 18)
        ) as superseded_usd,
        cast(coalesce(lines.excluded_usd, 0) as decimal(30, 18)) as excluded_usd,
        cast(coalesce(lines.reconciled_usd, 0) as decimal(30, 18)) as reconciled_usd,
        less_detailed.file_id is not null as is_less_detailed
    from files
    left join lines
        on files.file_id = lines.file_id
    left join less_detailed
        on files.file_id = less_detailed.file_id

)

select * from final
