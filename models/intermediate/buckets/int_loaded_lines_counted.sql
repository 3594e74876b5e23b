-- One row per loaded file with lines, of every grain, with what became of these and of
-- their dollars.

with

request_lines as (

    select
        file_id,
        line_use,
        line_count,
        stated_usd
    from {{ ref('int_lines_summed_by_file') }}

),

bucket_lines as (

    select
        file_id,
        line_use,
        line_count,
        amount_usd
    from {{ ref('int_bucket_lines_classified') }}

),

all_grains as (

    select * from request_lines

    union all

    select * from bucket_lines

),

counted as (

    select
        file_id,
        sum(case when line_use = 'counted' then line_count else 0 end)
            as counted_line_count,
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
    from all_grains
    group by 1

)

select * from counted
