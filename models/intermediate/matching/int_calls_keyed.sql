-- One row per logged call, with the key that joins it to its billed request. The key is
-- a text and a number: a request id and 0, or the load and line (never 0) of the billed
-- request that is nearest in time.

with

calls as (

    select * from {{ ref('int_calls_deduplicated') }}

),

matched_by_time as (

    select * from {{ ref('int_calls_matched_by_time') }}

),

keyed as (

    select
        calls.*,
        case
            when matched_by_time.usage_id is not null
                then cast(matched_by_time.load_number as {{ dbt.type_string() }})
            when not calls.is_duplicate_log then calls.request_id
        end as match_text,
        case
            when matched_by_time.usage_id is not null or calls.is_duplicate_log
                then calls.request_id
        end as other_request_id,
        coalesce(matched_by_time.line_number, 0) as match_number
    from calls
    left join matched_by_time
        on calls.usage_id = matched_by_time.usage_id

)

select * from keyed
