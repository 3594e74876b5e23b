-- One row per UTC day that is not among the changed ones, but has a row with a request
-- id of one of them.
-- A table, because behind it are the whole log and all bills.

{{ config(materialized='table') }}

with

rows_with_ids as (

    select * from {{ ref('int_rows_with_ids') }}

),

changed_ids as (

    select * from {{ ref('int_request_ids_changed') }}

),

changed_days as (

    select * from {{ ref('int_days_changed') }}

),

linked as (

    select distinct rows_with_ids.usage_date
    from rows_with_ids
    inner join changed_ids
        on rows_with_ids.request_id = changed_ids.request_id
    left join changed_days
        on rows_with_ids.usage_date = changed_days.usage_date
    where changed_days.usage_date is null

)

select * from linked
