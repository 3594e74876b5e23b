-- One row per request id of a day that this build reads and other day that has it too.
-- What changed days share is read anyway, as the days they link are made anew.
-- A table, because calls and bill lines look themselves up in it, and it is small.
-- Rows and days are read twice rather than through one CTE, which DuckDB would copy
-- whole and behind which Postgres uses one process only.
-- How few ids the days that are read have Postgres does not know; it would sort all.

{{ config(
    materialized='table',
    pre_hook="{{ planned_with({'enable_mergejoin': 'off'}) }}"
) }}

with

changed_days as (

    select * from {{ ref('int_days_changed') }}

),

unchanged_ids as (

    select rows_with_ids.request_id
    from {{ ref('int_rows_with_ids') }} as rows_with_ids
    inner join {{ ref('int_days_to_read') }} as read_days
        on rows_with_ids.usage_date = read_days.usage_date
    left join changed_days
        on rows_with_ids.usage_date = changed_days.usage_date
    where
        changed_days.usage_date is null
        and {{ within_days('rows_with_ids.happened_at', 'int_days_to_read') }}

),

shared as (

    select distinct
        rows_with_ids.request_id,
        rows_with_ids.usage_date
    from {{ ref('int_rows_with_ids') }} as rows_with_ids
    inner join unchanged_ids
        on rows_with_ids.request_id = unchanged_ids.request_id
    left join {{ ref('int_days_to_read') }} as read_days
        on rows_with_ids.usage_date = read_days.usage_date
    where read_days.usage_date is null

)

select * from shared
