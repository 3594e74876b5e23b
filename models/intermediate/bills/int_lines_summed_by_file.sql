-- One row per side, file, UTC day and use of the lines of request-level bills and logs,
-- with their number and dollars. Calls in the application's own table are of no file.
-- Kept from build to build, as it is small and the lines are not.

{{ config(materialized='incremental') }}

with

rebuilt_days as (

    select * from {{ ref('int_days_to_rebuild') }}

),

both_sides as (

    select
        'bill' as side,
        file_id,
        billed_date as usage_date,
        line_use,
        stated_usd
    from {{ ref('int_bill_lines_classified') }}

    union all

    select
        'log' as side,
        file_id,
        usage_date,
        'counted' as line_use,
        stated_usd
    from {{ ref('int_calls_priced') }}

),

summed as (

    select
        both_sides.side,
        both_sides.file_id,
        both_sides.usage_date,
        both_sides.line_use,
        count(*) as line_count,
        cast(sum(coalesce(both_sides.stated_usd, 0)) as decimal(30, 18)) as stated_usd
    from both_sides
    inner join rebuilt_days
        on {{ day_key('both_sides.usage_date') }} = rebuilt_days.usage_date
    group by 1, 2, 3, 4

)

select * from summed
