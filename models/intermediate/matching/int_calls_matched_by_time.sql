-- One row per logged call that no id explains but exactly one billed request does: the
-- same model and tokens, each the other's nearest in time. A tie matches none.
-- A table, because both sides look themselves up in it, and it is small.

{{ config(materialized='table') }}

with

timed as (

    select * from {{ ref('int_leftovers_timed') }}

),

-- the nearest instant of the other side; null where two instants are equally near
chosen as (

    select
        *,
        case
            when other_after_at is null then other_before_at
            when other_before_at is null then other_after_at
            when happened_at - other_before_at < other_after_at - happened_at
                then other_before_at
            when other_after_at - happened_at < happened_at - other_before_at
                then other_after_at
            when other_before_at = other_after_at then other_before_at
        end as chosen_at
    from timed
    -- several rows at one instant are equally far from everything
    where row_count = 1

),

matched as (

    select
        calls.usage_id,
        cast(calls.happened_at as date) as usage_date,
        billed_requests.load_number,
        billed_requests.line_number
    from chosen as calls
    inner join chosen as billed_requests
        on
            calls.model = billed_requests.model
            and calls.input_tokens = billed_requests.input_tokens
            and calls.output_tokens = billed_requests.output_tokens
            and calls.chosen_at = billed_requests.happened_at
            and calls.happened_at = billed_requests.chosen_at
    where
        calls.side = 'log'
        and billed_requests.side = 'bill'
        and calls.happened_at - billed_requests.happened_at
        <= interval '1' second * {{ var('fallback_match_seconds') }}
        and billed_requests.happened_at - calls.happened_at
        <= interval '1' second * {{ var('fallback_match_seconds') }}

)

select * from matched
