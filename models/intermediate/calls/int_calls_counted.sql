-- One row per UTC day, file, model and project of the log, with the number of its calls
-- and, of calls in the application's own table, what they hold.
-- A table, because it is small and says what is new without another look at the log.
-- How few days, files and models there are Postgres does not know; it would sort all.

{{ config(
    materialized='table',
    pre_hook="{{ planned_with({'enable_sort': 'off'}) }}"
) }}

with

calls as (

    select * from {{ ref('stg_application__token_usage') }}

),

counted as (

    select
        usage_date,
        file_id,
        logged_model,
        project_id,
        count(*) as call_count,
        sum(content_hash) as content_hash
    from calls
    group by 1, 2, 3, 4

)

select * from counted
