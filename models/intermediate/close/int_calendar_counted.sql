-- One row per month that any side knows, with how many of its UTC days a bill covers.

with

months as (

    select usage_month from {{ ref('int_days_summed_by_month') }}
    where usage_month is not null

    union

    select usage_month from {{ ref('int_charges_summed_by_month') }}

),

numbers as (

    {{ dbt.generate_series(31) }}

),

request_files as (

    select * from {{ ref('stg_loader__loaded_files') }}
    where grain = 'request' and first_date is not null

),

bucket_days as (

    select * from {{ ref('int_bucket_days_covered') }}
    where bucket_kind = 'costs'

),

today as (

    select * from {{ ref('int_today') }}

),

calendar as (

    select
        months.usage_month,
        cast(
            months.usage_month + interval '1' day * (numbers.generated_number - 1)
            as date
        ) as calendar_date
    from months
    cross join numbers

),

loads as (

    select
        calendar.usage_month,
        calendar.calendar_date,
        request_files.loaded_at
    from calendar
    inner join request_files
        on
            calendar.calendar_date
            between request_files.first_date and request_files.last_date

    union all

    select
        calendar.usage_month,
        calendar.calendar_date,
        bucket_days.last_loaded_at as loaded_at
    from calendar
    inner join bucket_days
        on calendar.calendar_date = bucket_days.usage_date

),

days as (

    select
        calendar.usage_month,
        calendar.calendar_date,
        cast(calendar.calendar_date as timestamp) + interval '1' day as ended_at,
        max(loads.loaded_at) as last_loaded_at
    from calendar
    left join loads
        on calendar.calendar_date = loads.calendar_date
    where
        cast(date_trunc('month', calendar.calendar_date) as date)
        = calendar.usage_month
    group by 1, 2, 3

),

counted as (

    select
        days.usage_month,
        count(days.last_loaded_at) as covered_day_count,
        count(*) filter (
            where days.last_loaded_at is null and days.ended_at <= today.as_of
        ) as missing_day_count,
        count(*) filter (
            where
            days.ended_at
            > days.last_loaded_at - interval '1' hour * {{ var('settle_hours') }}
        ) as provisional_day_count,
        max(days.ended_at) <= max(today.as_of) as is_over
    from days
    cross join today
    group by 1

)

select * from counted
