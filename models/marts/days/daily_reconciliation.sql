-- One row per UTC day, project and model that the log, a usage export or a bill knows.

with

days as (

    select * from {{ ref('int_days_judged') }}

),

causes as (

    select * from {{ ref('int_causes_summed_by_day') }}

),

caused as (

    select
        days.*,
        causes.log_cause,
        causes.bill_cause,
        causes.cause,
        causes.cause_candidates,
        cast(
            case
                when days.difference_usd is not null
                    then coalesce(causes.log_error_usd, 0)
            end as decimal(30, 18)
        ) as log_error_usd
    from days
    left join causes
        on
            days.usage_date is not distinct from causes.usage_date
            and days.project_id = causes.project_id
            and days.model = causes.model

),

final as (

    select
        usage_date,
        project_id,
        model,
        issuer,

        -- requests
        logged_requests,
        reported_requests,

        -- the chain
        logged_usd,
        expected_usd,
        reported_usd,
        billed_usd,
        calculation_difference_usd,
        token_difference_usd,
        rate_difference_usd,
        difference_usd,

        -- why
        log_error_usd,
        log_cause,
        cast(difference_usd - log_error_usd as decimal(30, 18)) as bill_error_usd,
        bill_cause,
        cause,
        cause_candidates,

        -- result
        resolution,
        reconciliation_status,
        status_reason,
        broken_pair,
        -- only where both sides are known can they drift
        case
            when reconciliation_status in ('matched', 'discrepancy')
                then {{ ratio('difference_usd', 'logged_usd') }}
        end as drift_pct,
        reconciliation_status in ('matched', 'discrepancy')
        and abs(difference_usd)
        > cast({{ var('drift_tolerance_pct') }} as decimal(6, 4)) * abs(logged_usd)
            as is_drifting,
        is_provisional
    from caused

)

select * from final
