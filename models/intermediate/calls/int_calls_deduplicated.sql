-- One row per logged call, and whether an earlier row logs the same request.

with

calls as (

    select * from {{ ref('int_calls_priced') }}

),

duplicate_logs as (

    select * from {{ ref('int_duplicate_logs') }}

),

deduplicated as (

    select
        calls.*,
        duplicate_logs.usage_id is not null as is_duplicate_log
    from calls
    left join duplicate_logs
        on calls.usage_id = duplicate_logs.usage_id

)

select * from deduplicated
