-- One row per request id of a day that this build reads and other day that has it too.
-- What changed days share is read anyway, as the days they link are made anew. What the
-- days near them share is known. Days beyond those are only read where an id links one
-- far away; where there are none, an engine need not look through all rows again.
-- A table, because calls and bill lines look themselves up in it, and it is small.
-- How few ids the days that are read have Postgres does not know; it would sort all.

{{ config(
    materialized='table',
    pre_hook="{{ planned_with({'enable_mergejoin': 'off'}) }}"
) }}

with

days_beyond as (

    select read_days.usage_date
    from {{ ref('int_days_to_read') }} as read_days
    left join {{ ref('int_days_near') }} as near_days
        on read_days.usage_date = near_days.usage_date
    where near_days.usage_date is null

),

ids_beyond as (

    select rows_with_ids.request_id
    from {{ ref('int_rows_with_ids') }} as rows_with_ids
    inner join days_beyond
        on rows_with_ids.usage_date = days_beyond.usage_date
    where {{ within_days('rows_with_ids.happened_at', 'int_days_to_read') }}

),

shared as (

    select
        shared_ids.request_id,
        shared_ids.usage_date
    from {{ ref('int_request_ids_shared') }} as shared_ids
    inner join {{ ref('int_days_to_read') }} as read_days
        on shared_ids.near_date = read_days.usage_date
    where not shared_ids.is_changed

    union all

    select
        rows_with_ids.request_id,
        rows_with_ids.usage_date
    from {{ ref('int_rows_with_ids') }} as rows_with_ids
    inner join ids_beyond
        on rows_with_ids.request_id = ids_beyond.request_id

),

to_read as (

    select distinct
        shared.request_id,
        shared.usage_date
    from shared
    left join {{ ref('int_days_to_read') }} as read_days
        on shared.usage_date = read_days.usage_date
    where read_days.usage_date is null

)

select * from to_read
