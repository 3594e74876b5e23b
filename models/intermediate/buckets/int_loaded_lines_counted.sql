-- One row per loaded bill, of either grain, with what became of its lines and dollars.

with

request_lines as (

    select
        file_id,
        line_use,
        1 as line_count,
        stated_usd
    from {{ ref('int_bill_lines_classified') }}

),

bucket_lines as (

    select
        file_id,
        line_use,
        line_count,
        amount_usd
    from {{ ref('int_bucket_lines_classified') }}

),

both_grains as (

    select * from request_lines

    union all

    select * from bucket_lines

),

counted as (

    select
        file_id,
        sum(case when line_use = 'duplicate' then line_count else 0 end)
            as duplicate_line_count,
        sum(case when line_use = 'superseded' then line_count else 0 end)
            as superseded_line_count,
        sum(case when line_use = 'excluded' then line_count else 0 end)
            as excluded_line_count,
        sum(case when line_use = 'duplicate' then coalesce(stated_usd, 0) else 0 end)
            as duplicate_usd,
        sum(case when line_use = 'superseded' then coalesce(stated_usd, 0) else 0 end)
            as superseded_usd,
        sum(case when line_use = 'excluded' then coalesce(stated_usd, 0) else 0 end)
            as excluded_usd,
        sum(case when line_use = 'counted' then coalesce(stated_usd, 0) else 0 end)
            as reconciled_usd
    from both_grains
    group by 1

)

select * from counted
