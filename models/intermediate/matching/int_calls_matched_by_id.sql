-- One row per logged call whose request id is billed.
-- A table, because the leftovers of both sides are what it lacks.

{{ config(materialized='table') }}

with

calls as (

    select * from {{ ref('int_calls_priced') }}
    where not is_duplicate_log

),

billed_requests as (

    select * from {{ ref('int_billed_requests_summed') }}

),

-- should two issuers bill one id, the first by name is the call's
matched as (

    select
        calls.usage_id,
        calls.request_id,
        min({{ bytewise('billed_requests.issuer') }}) as issuer
    from calls
    inner join billed_requests
        on calls.request_id = billed_requests.request_id
    group by 1, 2

),

-- keys as int_billed_requests_summed spells them
keyed as (

    select
        usage_id,
        'bill:' || issuer || ':' || request_id as bill_key
    from matched

)

select * from keyed
