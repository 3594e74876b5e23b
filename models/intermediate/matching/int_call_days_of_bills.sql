-- One row per billed request whose call is of another UTC day than it is itself, or was
-- found by time, with the day of its call: null where that has none.

with

joined_across_days as (

    select * from {{ ref('int_ids_joined') }}
    where side = 'both'

),

matched_by_time as (

    select * from {{ ref('int_calls_matched_by_time') }}

),

call_days as (

    select
        load_number,
        line_number,
        usage_date as call_date
    from joined_across_days

    union all

    select
        load_number,
        line_number,
        usage_date as call_date
    from matched_by_time

)

select * from call_days
