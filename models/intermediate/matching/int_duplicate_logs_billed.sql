-- One row per repeated log of a request that is billed, with the load that billed it.
-- A table, because it is small and the calls and bills behind it are not.

{{ config(materialized='table') }}

with

calls as (

    select * from {{ ref('int_calls_deduplicated') }}
    where is_duplicate_log and is_provider_call

),

billed_requests as (

    select * from {{ ref('int_billed_requests_summed') }}
    where is_first_issuer

),

billed as (

    select
        calls.usage_id,
        billed_requests.load_number
    from calls
    inner join billed_requests
        on calls.request_id = billed_requests.request_id

)

select * from billed
