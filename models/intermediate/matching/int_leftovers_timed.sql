-- One row per side, kind of call (model, input and output tokens) and instant that no
-- common id explains: how many there are, and the nearest instants of the other side.
-- A table, because it is small and Postgres plans for its rows only where they are
-- counted: for fewer, it would compare every call with every billed request.

{{ config(materialized='table') }}

with

-- a kind of call without a billed request left over has nothing to be near to
billed_kinds as (

    select distinct
        model,
        input_tokens,
        output_tokens
    from {{ ref('int_ids_joined') }}
    where side = 'bill'

),

instants as (

    select
        leftovers.side,
        leftovers.model,
        leftovers.input_tokens,
        leftovers.output_tokens,
        leftovers.happened_at,
        count(*) as row_count,
        max(leftovers.usage_id) as usage_id,
        max(leftovers.load_number) as load_number,
        max(leftovers.line_number) as line_number
    from {{ ref('int_ids_joined') }} as leftovers
    inner join billed_kinds
        on
            leftovers.model = billed_kinds.model
            and leftovers.input_tokens = billed_kinds.input_tokens
            and leftovers.output_tokens = billed_kinds.output_tokens
    where leftovers.happened_at is not null and leftovers.side <> 'both'
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
        load_number,
        line_number,
        case when side = 'log' then bill_before_at else log_before_at end
            as other_before_at,
        case when side = 'log' then bill_after_at else log_after_at end
            as other_after_at
    from surrounded

)

select * from timed
