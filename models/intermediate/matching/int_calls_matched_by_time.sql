-- One row per logged call that no id explains but exactly one billed request does: the
-- same model and tokens, each the other's nearest in time. A tie matches none.

with

timed as (

    select * from {{ ref('int_leftovers_timed') }}

),

-- the nearest instant of the other side; null where two instants are equally near
log_choices as (

    select
        *,
        case
            when bill_after_at is null then bill_before_at
            when bill_before_at is null then bill_after_at
            when happened_at - bill_before_at < bill_after_at - happened_at
                then bill_before_at
            when bill_after_at - happened_at < happened_at - bill_before_at
                then bill_after_at
            when bill_before_at = bill_after_at then bill_before_at
        end as chosen_at
    from timed
    where side = 'log'

),

bill_choices as (

    select
        *,
        case
            when log_after_at is null then log_before_at
            when log_before_at is null then log_after_at
            when happened_at - log_before_at < log_after_at - happened_at
                then log_before_at
            when log_after_at - happened_at < happened_at - log_before_at
                then log_after_at
            when log_before_at = log_after_at then log_before_at
        end as chosen_at
    from timed
    where side = 'bill'

),

-- several rows at one instant are equally far from everything
matched as (

    select
        log_choices.row_id as usage_id,
        bill_choices.row_id as bill_key
    from log_choices
    inner join bill_choices
        on
            log_choices.model = bill_choices.model
            and log_choices.input_tokens = bill_choices.input_tokens
            and log_choices.output_tokens = bill_choices.output_tokens
            and log_choices.chosen_at = bill_choices.happened_at
            and log_choices.happened_at = bill_choices.chosen_at
    where
        log_choices.row_count = 1
        and bill_choices.row_count = 1
        and log_choices.happened_at - bill_choices.happened_at
        <= interval '1' second * {{ var('fallback_match_seconds') }}
        and bill_choices.happened_at - log_choices.happened_at
        <= interval '1' second * {{ var('fallback_match_seconds') }}

)

select * from matched
