-- One row per loaded file, and what became of its dollars.

with

files as (

    select * from {{ ref('stg_loader__loaded_files') }}

),

billed as (

    select * from {{ ref('int_loaded_lines_counted') }}

),

less_detailed as (

    select * from {{ ref('int_bucket_files_restated') }}

),

calls as (

    select * from {{ ref('int_calls_priced') }}

),

logged as (

    select
        file_id,
        count(*) as line_count,
        sum(coalesce(stated_usd, 0)) as reconciled_usd
    from calls
    where file_id is not null
    group by 1

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
        cast(coalesce(billed.duplicate_line_count, 0) as bigint)
            as duplicate_line_count,
        cast(
            case
                when files.grain = 'usage_log'
                    then files.accepted_line_count - coalesce(logged.line_count, 0)
                else coalesce(billed.superseded_line_count, 0)
            end as bigint
        ) as superseded_line_count,
        cast(coalesce(billed.excluded_line_count, 0) as bigint) as excluded_line_count,
        cast(coalesce(billed.duplicate_usd, 0) as decimal(30, 18)) as duplicate_usd,
        cast(
            case
                when files.grain = 'usage_log'
                    then files.accepted_usd - coalesce(logged.reconciled_usd, 0)
                else coalesce(billed.superseded_usd, 0)
            end as decimal(30, 18)
        ) as superseded_usd,
        cast(coalesce(billed.excluded_usd, 0) as decimal(30, 18)) as excluded_usd,
        cast(
            coalesce(billed.reconciled_usd, logged.reconciled_usd, 0) as decimal(30, 18)
        ) as reconciled_usd,
        less_detailed.file_id is not null as is_less_detailed
    from files
    left join billed
        on files.file_id = billed.file_id
    left join logged
        on files.file_id = logged.file_id
    left join less_detailed
        on files.file_id = less_detailed.file_id

)

select * from final
