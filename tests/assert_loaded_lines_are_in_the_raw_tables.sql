-- The lines that the loader says it accepted and rejected are there. Rows deleted or
-- added by hand would make every total of a file wrong without a trace.

with

files as (

    select * from {{ ref('stg_loader__loaded_files') }}

),

billed as (

    select
        file_id,
        count(*) as line_count
    from {{ ref('stg_provider__billed_requests') }}
    group by 1

),

rejected as (

    select
        file_id,
        count(*) as line_count
    from {{ ref('stg_loader__rejected_lines') }}
    group by 1

)

select
    files.file_id,
    files.accepted_line_count,
    files.rejected_line_count,
    billed.line_count as billed_line_count,
    rejected.line_count as found_rejected_line_count
from files
left join billed
    on files.file_id = billed.file_id
left join rejected
    on files.file_id = rejected.file_id
where
    (
        files.grain = 'request'
        and files.accepted_line_count <> coalesce(billed.line_count, 0)
    )
    or files.rejected_line_count <> coalesce(rejected.line_count, 0)
