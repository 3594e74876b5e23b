-- One row per UTC day that is changed, or so near a changed one that it is read if ids
-- link no days to these but their neighbours, as they do where a call is billed after
-- midnight: a linked day's neighbours are made anew, and theirs are read.
-- A table, because it is small and every row with an id looks itself up in it.

{{ config(materialized='table') }}

with

changed_days as (

    select * from {{ ref('int_days_changed') }}

),

neighbours as (

    {{ neighbouring_days('changed_days') }}

),

made_anew as (

    {{ neighbouring_days('neighbours') }}

),

near_days as (

    {{ neighbouring_days('made_anew') }}

),

marked as (

    select
        near_days.usage_date,
        changed_days.usage_date is not null as is_changed
    from near_days
    left join changed_days
        on near_days.usage_date = changed_days.usage_date

)

select * from marked
