-- One row per bucket and reason for which its calls must be looked at, of the days that
-- this build makes anew: they share one bill, so they are one row of discrepancies.

with

reconciled as (

    select * from {{ ref('int_requests_rebuilt') }}
    where
        match_method = 'bucket'
        and status_reason in ('outside_tolerance', 'no_price')

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

keyed as (

    select
        *,
        'calls:'
        || issuer
        || ':'
        || cast(usage_date as {{ dbt.type_string() }})
        || ':'
        || project_id
        || ':'
        || bucket_model
        || ':'
        || status_reason as bucket_key
    from placed

),

summed as (

    select
        bucket_key as reconciliation_key,
        cast(null as {{ dbt.type_string() }}) as usage_id,
        cast(null as {{ dbt.type_string() }}) as request_id,
        cast(null as {{ dbt.type_string() }}) as billed_request_id,
        max(issuer) as issuer,
        max(usage_date) as usage_date,
        cast(null as timestamp) as logged_at,
        cast(null as timestamp) as billed_at,
        cast(null as {{ dbt.type_string() }}) as user_id,
        cast(null as {{ dbt.type_string() }}) as action_type,
        cast(null as {{ dbt.type_string() }}) as logged_model,
        cast(null as {{ dbt.type_string() }}) as billed_model,
        max(bucket_model) as model,
        max(project_id) as project_id,
        count(*) as request_count,
        {{ fitting_tokens('sum(logged_input_tokens)') }} as logged_input_tokens,
        {{ fitting_tokens('sum(logged_output_tokens)') }} as logged_output_tokens,
        cast(null as bigint) as billed_input_tokens,
        cast(null as bigint) as billed_cached_input_tokens,
        cast(null as bigint) as billed_output_tokens,
        cast(sum(logged_usd) as decimal(30, 18)) as logged_usd,
        cast(sum(billed_usd) as decimal(30, 18)) as billed_usd,
        cast(sum(expected_usd) as decimal(30, 18)) as expected_usd,
        cast(sum(difference_usd) as decimal(30, 18)) as difference_usd,
        {{ ratio('sum(difference_usd)', 'sum(logged_usd)') }} as difference_pct,
        max(logged_cost_basis) as logged_cost_basis,
        max(billed_cost_basis) as billed_cost_basis,
        max(match_method) as match_method,
        max(bill_grain) as bill_grain,
        max(reconciliation_status) as reconciliation_status,
        max(status_reason) as status_reason,
        bool_and(is_provider_call) as is_provider_call,
        bool_and(is_covered) as is_covered,
        cast(sum(log_error_usd) as decimal(30, 18)) as log_error_usd,
        {{ common_cause('log_cause') }} as log_cause,
        cast(sum(bill_error_usd) as decimal(30, 18)) as bill_error_usd,
        {{ common_cause('bill_cause') }} as bill_cause,
        {{ common_cause('cause') }} as cause,
        {{ common_candidates() }} as cause_candidates,
        max(file_id) as file_id,
        max(reconciled_at) as reconciled_at
    from keyed
    group by 1

)

select * from summed
