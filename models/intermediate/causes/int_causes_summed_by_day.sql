-- One row per UTC day, project and model of daily_reconciliation on which rows have
-- causes, with the one that they share.
-- Kept from build to build, as it is small and the rows are not.

{{ config(materialized='incremental') }}

with

reconciled as (

    select * from {{ ref('int_requests_rebuilt') }}
    where
        -- charges for no usage and actions that are no call are on no day
        status_reason not in ('non_usage_charge', 'not_an_api_call')
        and (difference_usd <> 0 or log_error_usd <> 0 or cause is not null)

),

ungrouped_days as (

    select * from {{ ref('int_ungrouped_days') }}

),

placed as (

    select
        reconciled.*,
        {{ bucket_model('reconciled.model', 'ungrouped_days') }} as bucket_model
    from reconciled
    left join ungrouped_days
        on
            reconciled.usage_date = ungrouped_days.usage_date
            and reconciled.project_id = ungrouped_days.project_id

),

summed as (

    select
        usage_date,
        project_id,
        bucket_model as model,
        -- without a list price a difference cannot be split: the price is ours to know
        cast(
            coalesce(sum(coalesce(log_error_usd, difference_usd)), 0)
            as decimal(30, 18)
        ) as log_error_usd,
        cast(coalesce(sum(difference_usd), 0) as decimal(30, 18)) as difference_usd,
        {{ common_cause('log_cause') }} as log_cause,
        {{ common_cause('bill_cause') }} as bill_cause,
        {{ common_candidates() }} as cause_candidates
    from placed
    group by 1, 2, 3

)

select * from summed
