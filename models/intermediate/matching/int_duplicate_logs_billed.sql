-- One row per repeated log of a request that is billed, with the load that billed it.

with

calls as (

    select * from {{ ref('int_calls_priced') }}
    where is_duplicate_log and is_provider_call

),

billed_requests as (

    select * from {{ ref('int_billed_requests_summed') }}

),

billed as (

    select
        calls.usage_id,
        max(billed_requests.load_number) as load_number
    from calls
    inner join billed_requests
        on calls.request_id = billed_requests.request_id
    group by 1

)

select * from billed
