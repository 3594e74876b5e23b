-- One row per line of a request-level bill, with what is known of its file. A line of
-- no file would be a fault: it stays, so that the control totals show it.

with

bill_lines as (

    select * from {{ ref('int_bill_lines_to_read') }}

),

files as (

    select * from {{ ref('stg_loader__loaded_files') }}

),

filed as (

    select
        bill_lines.*,
        files.issuer,
        files.load_number
    from bill_lines
    left join files
        on bill_lines.file_id = files.file_id

)

select * from filed
