-- One row per request id of a day that this build reads that another day has too.
-- A table, because calls and bill lines look themselves up in it, and it is small.

{{ config(materialized='table') }}

with

read_days as (

    select * from {{ ref('int_days_to_read') }}

),

rows_with_ids as (

    select * from {{ ref('int_rows_with_ids') }}

),

read_ids as (

    select rows_with_ids.request_id
    from rows_with_ids
    inner join read_days
        on rows_with_ids.usage_date = read_days.usage_date

),

shared as (

    select distinct rows_with_ids.request_id
    from rows_with_ids
    inner join read_ids
        on rows_with_ids.request_id = read_ids.request_id
    left join read_days
        on rows_with_ids.usage_date = read_days.usage_date
    where read_days.usage_date is null

)

select * from shared
