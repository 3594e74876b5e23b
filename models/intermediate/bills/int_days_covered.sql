-- One row per issuer and UTC day that a request-level bill of the issuer covers,
-- of the days on which something was logged or billed.
-- A table, because it is small and every bill line and call looks itself up in it.

{{ config(materialized='table') }}

with

files as (

    select * from {{ ref('stg_loader__loaded_files') }}
    where grain = 'request'

),

days as (

    select usage_date
    from {{ ref('int_calls_counted') }}
    where usage_date is not null

    union

    select billed_date
    from {{ ref('int_bill_lines_counted') }}
    where billed_date is not null

),

covered as (

    select
        files.issuer,
        days.usage_date,
        max(files.load_number) as last_load_number,
        max(files.loaded_at) as last_loaded_at
    from days
    inner join files
        on days.usage_date between files.first_date and files.last_date
    group by 1, 2

)

select * from covered
