-- One row per loaded file, and what became of its dollars.

with

files as (

    select * from {{ ref('stg_loader__loaded_files') }}

),

bill_lines as (

    select * from {{ ref('int_bill_lines_classified') }}

),

calls as (

    select * from {{ ref('int_calls_priced') }}

),

billed as (

    select
        file_id,
        sum(case when line_use = 'duplicate' then 1 else 0 end) as duplicate_line_count,
        sum(case when line_use = 'superseded' then 1 else 0 end)
            as superseded_line_count,
        sum(case when line_use = 'duplicate' then coalesce(stated_usd, 0) else 0 end)
            as duplicate_usd,
        sum(case when line_use = 'superseded' then coalesce(stated_usd, 0) else 0 end)
            as superseded_usd,
        sum(case when line_use = 'counted' then coalesce(stated_usd, 0) else 0 end)
            as reconciled_usd
    from bill_lines
    group by 1

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
        cast(coalesce(billed.duplicate_usd, 0) as decimal(30, 18)) as duplicate_usd,
        cast(
            case
                when files.grain = 'usage_log'
                    then files.accepted_usd - coalesce(logged.reconciled_usd, 0)
                else coalesce(billed.superseded_usd, 0)
            end as decimal(30, 18)
        ) as superseded_usd,
        cast(
            coalesce(billed.reconciled_usd, logged.reconciled_usd, 0) as decimal(30, 18)
        ) as reconciled_usd
    from files
    left join billed
        on files.file_id = billed.file_id
    left join logged
        on files.file_id = logged.file_id

)

select * from final
