-- One row per logged call that a billed request explains, each request at most once.

with

by_id as (

    select * from {{ ref('int_calls_matched_by_id') }}

),

by_time as (

    select * from {{ ref('int_calls_matched_by_time') }}

),

matched as (

    select
        usage_id,
        bill_key,
        'request_id' as match_method
    from by_id

    union all

    select
        usage_id,
        bill_key,
        'timestamp_model' as match_method
    from by_time

)

select * from matched
