-- One row per side, kind of call (model, input and output tokens) and instant that no
-- common id explains: how many there are, and the nearest instants of the other side.

with

leftovers as (

    select * from {{ ref('int_leftovers') }}

),

instants as (

    select
        side,
        model,
        input_tokens,
        output_tokens,
        happened_at,
        count(*) as row_count,
        max(usage_id) as usage_id,
        max(file_id) as file_id,
        max(line_number) as line_number
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
        usage_id,
        file_id,
        line_number,
        case when side = 'log' then bill_before_at else log_before_at end
            as other_before_at,
        case when side = 'log' then bill_after_at else log_after_at end
            as other_after_at
    from surrounded

)

select * from timed
