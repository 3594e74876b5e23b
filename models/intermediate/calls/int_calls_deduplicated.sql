-- One row per logged call, and whether an earlier row logs the same request. The calls
-- are read thrice rather than through one CTE, which an engine would copy whole.

with

calls as (

    select * from {{ ref('int_calls_to_read') }}

),

-- as with bill lines, only the few ids that are there twice need the window
repeated_requests as (

    select request_id
    from {{ ref('int_calls_to_read') }}
    where request_id is not null
    group by 1
    having count(*) > 1

),

ordered_calls as (

    select
        calls.usage_id,
        row_number() over (
            partition by calls.request_id
            order by
                calls.logged_at asc nulls last, {{ bytewise('calls.usage_id') }} asc
        ) as log_number
    from {{ ref('int_calls_to_read') }} as calls
    inner join repeated_requests
        on calls.request_id = repeated_requests.request_id

),

deduplicated as (

    select
        calls.*,
        coalesce(ordered_calls.log_number > 1, false) as is_duplicate_log
    from calls
    left join ordered_calls
        on calls.usage_id = ordered_calls.usage_id

)

select * from deduplicated
