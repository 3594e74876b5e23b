-- One row per repeated log of a request whose first log is billed, with the load that
-- billed it.

with

calls as (

    select * from {{ ref('int_calls_priced') }}

),

billed_requests as (

    select * from {{ ref('int_billed_requests_summed') }}

),

matched as (

    select * from {{ ref('int_calls_matched_by_id') }}

),

repeated_calls as (

    select * from calls
    where is_duplicate_log and is_provider_call

),

billed as (

    select
        repeated_calls.usage_id,
        billed_requests.load_number
    from repeated_calls
    inner join calls
        on
            repeated_calls.request_id = calls.request_id
            and not calls.is_duplicate_log
    inner join matched
        on calls.usage_id = matched.usage_id
    inner join billed_requests
        on matched.bill_key = billed_requests.bill_key

)

select * from billed
