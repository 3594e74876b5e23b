-- The lines that the loader says it accepted and rejected are there. Rows deleted or
-- added by hand would make every total of a file wrong without a trace. Of a log, rows
-- may be gone that a later log replaced, and all where a view took the table's place.

with

files as (

    select * from {{ ref('stg_loader__loaded_files') }}

),

bill_lines as (

    select file_id from {{ ref('stg_provider__billed_requests') }}

    union all

    select file_id from {{ ref('stg_provider__cost_buckets') }}

    union all

    select file_id from {{ ref('stg_provider__usage_buckets') }}

),

billed as (

    select
        file_id,
        count(*) as line_count
    from bill_lines
    group by 1

),

logged as (

    select
        file_id,
        count(*) as line_count
    from {{ ref('stg_application__token_usage') }}
    group by 1

),

rejected as (

    select
        file_id,
        count(*) as line_count
    from {{ ref('stg_loader__rejected_lines') }}
    group by 1

),

logs as (

    select max(load_number) as last_load_number
    from files
    where grain = 'usage_log'

),

-- the rows of the application's own table are of no file
own_tables as (

    select count(*) as table_count
    from logged
    where file_id is null

),

counted as (

    select
        files.*,
        coalesce(billed.line_count, logged.line_count, 0) as found_line_count,
        coalesce(rejected.line_count, 0) as found_rejected_line_count,
        files.grain = 'usage_log'
        and (
            files.load_number < logs.last_load_number or own_tables.table_count > 0
        ) as may_lack_lines
    from files
    left join billed
        on files.file_id = billed.file_id
    left join logged
        on files.file_id = logged.file_id
    left join rejected
        on files.file_id = rejected.file_id
    cross join logs
    cross join own_tables

)

select * from counted
where
    rejected_line_count <> found_rejected_line_count
    or accepted_line_count < found_line_count
    or (accepted_line_count > found_line_count and not may_lack_lines)
