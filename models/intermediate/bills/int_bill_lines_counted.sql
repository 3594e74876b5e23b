-- One row per UTC day, file and model of the request-level bills, with the number of
-- lines.
-- A table, because it is small and says what is new without another look at the bills.
-- How few days, files and models there are Postgres does not know; it might sort all.

{{ config(
    materialized='table',
    pre_hook="{{ planned_with({'enable_sort': 'off'}) }}"
) }}

with

bill_lines as (

    select * from {{ ref('stg_provider__billed_requests') }}

),

counted as (

    select
        billed_date,
        file_id,
        billed_model,
        count(*) as line_count
    from bill_lines
    group by 1, 2, 3

)

select * from counted
