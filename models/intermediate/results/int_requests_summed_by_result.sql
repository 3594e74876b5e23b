-- One row per UTC day, model, file, reason, cause of either side, and month of the bill
-- of reconciled_requests: all that months, waterfall and drift need of its rows.
-- Kept from build to build, as it is small and the rows are not.
-- Postgres expects a third as many groups as rows, and would sort these.

{{ config(
    materialized='incremental',
    pre_hook="{{ planned_with({'enable_sort': 'off'}) }}"
) }}

with

reconciled as (

    select * from {{ ref('int_requests_rebuilt') }}

),

measured as (

    select
        reconciled.usage_date,
        reconciled.model,
        reconciled.file_id,
        reconciled.reconciliation_status,
        reconciled.status_reason,
        reconciled.log_cause,
        reconciled.bill_cause,
        reconciled.cause is not null as is_caused,
        reconciled.bill_grain,
        -- what a bill of the day should hold
        reconciled.usage_id is not null
        and reconciled.is_provider_call
        and reconciled.is_covered
        and reconciled.status_reason <> 'duplicate_log' as is_covered_call,
        -- only these have a time on both sides
        case
            when reconciled.usage_id is not null
                then cast(date_trunc('month', reconciled.billed_at) as date)
        end as billed_month,
        reconciled.request_count,
        reconciled.logged_usd,
        reconciled.billed_usd,
        reconciled.difference_usd,
        case
            when reconciled.log_error_usd is not null and reconciled.cause is not null
                then reconciled.log_error_usd
            -- what cannot be split, for an amount is unknown, or is but noise
            else coalesce(reconciled.billed_usd, 0) - coalesce(reconciled.logged_usd, 0)
        end as log_usd,
        case
            when reconciled.log_error_usd is not null and reconciled.cause is not null
                then reconciled.bill_error_usd
            else 0
        end as bill_usd
    from reconciled

),

summed as (

    select
        usage_date,
        model,
        file_id,
        reconciliation_status,
        status_reason,
        log_cause,
        bill_cause,
        is_caused,
        bill_grain,
        is_covered_call,
        billed_month,
        count(*) as row_count,
        cast(sum(request_count) as bigint) as request_count,
        cast(sum(logged_usd) as decimal(30, 18)) as logged_usd,
        cast(sum(billed_usd) as decimal(30, 18)) as billed_usd,
        cast(sum(difference_usd) as decimal(30, 18)) as difference_usd,
        count(case when log_usd <> 0 or log_cause is not null then 1 end)
            as log_row_count,
        cast(sum(log_usd) as decimal(30, 18)) as log_usd,
        count(case when bill_usd <> 0 or bill_cause is not null then 1 end)
            as bill_row_count,
        cast(sum(bill_usd) as decimal(30, 18)) as bill_usd
    from measured
    group by 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11

)

select * from summed
