-- One row per logged call, per billed request that no log explains, and per charge of a
-- cost export that no logged call shares.
-- Kept from build to build: days of which something changed are replaced.
-- Postgres expects the key that joins the sides to have few values, and would sort all.

{{ config(
    materialized='incremental',
    pre_hook="{{ planned_with({'enable_mergejoin': 'off'}) }}",
    indexes=indexes_for(['usage_date'], ['logged_at']),
    meta={
        'unique_texts': ['reconciliation_key', 'usage_id', 'request_id'],
        'is_made_in_passes': true,
    }
) }}

with

requests as (

    select * from {{ ref('int_requests_explained') }}

),

final as (

    select
        -- ids
        reconciliation_key,
        usage_id,
        request_id,
        billed_request_id,
        issuer,

        -- when
        usage_date,
        logged_at,
        billed_at,

        -- who and what
        user_id,
        action_type,
        logged_model,
        billed_model,
        model,
        project_id,
        cast(request_count as bigint) as request_count,

        -- tokens
        logged_input_tokens,
        logged_output_tokens,
        billed_input_tokens,
        billed_cached_input_tokens,
        billed_output_tokens,

        -- money
        logged_usd,
        billed_usd,
        cast(expected_usd as decimal(30, 18)) as expected_usd,
        difference_usd,
        cast({{ ratio('difference_usd', 'logged_usd') }} as decimal(18, 6))
            as difference_pct,
        logged_cost_basis,
        billed_cost_basis,

        -- result
        match_method,
        bill_grain,
        {{ status_of_reason('status_reason') }} as reconciliation_status,
        status_reason,
        is_provider_call,
        is_covered,

        -- why
        log_error_usd,
        log_cause,
        bill_error_usd,
        bill_cause,
        cause,
        cause_candidates,

        -- where it comes from
        file_id,
        reconciled_at
    from requests

)

select * from final
