-- One row per request id that a changed day shares with another that is not changed, or
-- a day near one with another that is not, and per pair of such days.
-- A table, because behind it are the whole log and all bills.

{{ config(materialized='table') }}

with

rows_with_ids as (

    select * from {{ ref('int_rows_with_ids') }}

),

near_ids as (

    select * from {{ ref('int_request_ids_near') }}

),

near_days as (

    select * from {{ ref('int_days_near') }}

),

shared as (

    select distinct
        rows_with_ids.request_id,
        rows_with_ids.usage_date,
        near_ids.usage_date as near_date,
        near_ids.is_changed
    from rows_with_ids
    inner join near_ids
        on rows_with_ids.request_id = near_ids.request_id
    left join near_days
        on rows_with_ids.usage_date = near_days.usage_date
    where
        not coalesce(near_days.is_changed, false)
        and (near_days.usage_date is null or near_ids.is_changed)

)

select * from shared
