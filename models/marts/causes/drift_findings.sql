-- One row per UTC day and model on which small differences, each inside the tolerance
-- of a row, add up to a drift.

with

drifts as (

    select * from {{ ref('int_drifts_found') }}

),

differences as (

    select * from {{ ref('int_differences_split') }}
    where reconciliation_status in ('matched', 'discrepancy') and cause is not null

),

causes as (

    select
        usage_date,
        model,
        cause,
        cast(sum(difference_usd) as decimal(30, 18)) as difference_usd
    from differences
    group by 1, 2, 3

),

ranked as (

    select
        *,
        row_number() over (
            partition by usage_date, model
            order by abs(difference_usd) desc, {{ bytewise('cause') }} asc
        ) as cause_rank
    from causes

),

final as (

    select
        drifts.usage_date,
        drifts.model,
        drifts.request_count,
        drifts.matched_count,
        drifts.logged_usd,
        drifts.billed_usd,
        drifts.difference_usd,
        {{ ratio('drifts.difference_usd', 'drifts.logged_usd') }} as drift_pct,
        -- a mean is for display, as a ratio is
        {{ ratio(
            'drifts.difference_usd', 'drifts.request_count', 'decimal(24, 12)'
        ) }} as mean_difference_usd,
        ranked.cause as main_cause,
        ranked.difference_usd as main_cause_usd
    from drifts
    left join ranked
        on
            drifts.usage_date = ranked.usage_date
            and drifts.model is not distinct from ranked.model
            and ranked.cause_rank = 1

)

select * from final
