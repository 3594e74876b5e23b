-- One row per logged call whose request id an earlier one has. Nearly every request is
-- logged once and needs no window.
-- A table, because it is small and every call looks itself up in it. The calls are read
-- twice rather than through one CTE, which an engine would copy whole.

{{ config(materialized='table') }}

with

repeated_requests as (

    select request_id
    from {{ ref('int_calls_priced') }}
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
    from {{ ref('int_calls_priced') }} as calls
    inner join repeated_requests
        on calls.request_id = repeated_requests.request_id

),

duplicates as (

    select usage_id
    from ordered_calls
    where log_number > 1

)

select * from duplicates
