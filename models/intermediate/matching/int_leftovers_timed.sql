-- One row per side, kind of call (model, input and output tokens) and instant that no
-- common id explains: how many there are, and the nearest instants of the other side.

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

leftovers as (

    select
        'log' as side,
        calls.usage_id as row_id,
        calls.model,
        calls.input_tokens,
        calls.output_tokens,
        calls.logged_at as happened_at
    from calls
    left join matched
        on calls.usage_id = matched.usage_id
    where
        matched.usage_id is null
        and calls.is_provider_call
        and not calls.is_duplicate_log

    union all

    select
        'bill' as side,
        billed_requests.bill_key as row_id,
        billed_requests.model,
        billed_requests.input_tokens,
        billed_requests.output_tokens,
        billed_requests.billed_at as happened_at
    from billed_requests
    left join matched
        on billed_requests.bill_key = matched.bill_key
    where matched.bill_key is null

),

instants as (

    select
        side,
        model,
        input_tokens,
        output_tokens,
        happened_at,
        count(*) as row_count,
        max(row_id) as row_id
    from leftovers
    where
        model is not null
        and input_tokens is not null
        and output_tokens is not null
        and happened_at is not null
    group by 1, 2, 3, 4, 5

),

-- the default frame includes rows of the same instant, in both directions of time
surrounded as (

    select
        *,
        max(case when side = 'bill' then happened_at end)
            over earlier
            as bill_before_at,
        min(case when side = 'bill' then happened_at end) over later as bill_after_at,
        max(case when side = 'log' then happened_at end) over earlier as log_before_at,
        min(case when side = 'log' then happened_at end) over later as log_after_at
    from instants
    window
        earlier as (
            partition by model, input_tokens, output_tokens order by happened_at
        ),
        later as (
            partition by model, input_tokens, output_tokens order by happened_at desc
        )

),

timed as (

    select
        side,
        model,
        input_tokens,
        output_tokens,
        happened_at,
        row_count,
        row_id,
        case when side = 'log' then bill_before_at else log_before_at end
            as other_before_at,
        case when side = 'log' then bill_after_at else log_after_at end
            as other_after_at
    from surrounded

)

select * from timed
