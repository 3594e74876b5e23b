-- One row per UTC day, project and model that the log, a usage export or a bill knows.

with

days as (

    select * from {{ ref('int_days_explained') }}

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
        bill_error_usd,
        bill_cause,
        cause,
        case
            when log_cause = 'ambiguous' or bill_cause = 'ambiguous'
                then cause_candidates
        end as cause_candidates,

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
    from days

)

select * from final
