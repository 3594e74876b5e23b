-- One row per logged call and per billed request that no common id explains, and per
-- pair that one joins across UTC days.
-- A table, because it is read twice, and small beside the calls and bills behind it.

{{ config(materialized='table') }}

with

calls as (

    select * from {{ ref('int_calls_deduplicated') }}
    where not is_duplicate_log

),

billed_requests as (

    select
        *,
        -- the id by which a call may find it
        case when is_first_issuer then request_id end as call_request_id
    from {{ ref('int_billed_requests_summed') }}

),

joined as (

    select
        case
            when calls.usage_id is null then 'bill'
            when billed_requests.line_number is null then 'log'
            else 'both'
        end as side,
        calls.usage_id,
        calls.usage_date,
        billed_requests.load_number,
        billed_requests.line_number,
        coalesce(calls.model, billed_requests.model) as model,
        coalesce(calls.input_tokens, billed_requests.input_tokens) as input_tokens,
        coalesce(calls.output_tokens, billed_requests.output_tokens) as output_tokens,
        coalesce(calls.logged_at, billed_requests.billed_at) as happened_at
    from calls
    full outer join billed_requests
        on calls.request_id = billed_requests.call_request_id
    where
        calls.usage_id is null
        or (billed_requests.line_number is null and calls.is_provider_call)
        or (
            billed_requests.line_number is not null
            and calls.usage_date is distinct from billed_requests.billed_date
        )

)

select * from joined
