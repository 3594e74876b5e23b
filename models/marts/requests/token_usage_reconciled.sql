-- One row per row of token_usage, with what the bill says of it.
-- Kept from build to build: days of which something changed are replaced. The days are
-- read twice rather than through one CTE, behind which Postgres uses one process only.

{{ config(
    materialized='incremental',
    unique_key='cast(created_at as date)',
    indexes=indexes_for(['(cast(created_at as date))']),
    meta={'unique_texts': ['id', 'openai_request_id'], 'is_made_in_passes': true}
) }}

with

token_usage as (

    select token_usage.*
    from {{ source('raw', 'token_usage') }} as token_usage
    inner join {{ ref('int_days_to_rebuild') }} as rebuilt_days
        on
            {{ day_key('cast(token_usage.created_at as date)') }}
            = rebuilt_days.usage_date
    where
        {{ within_days('token_usage.created_at', 'int_days_to_rebuild') }}
        and {{ in_pass('token_usage.created_at', 'timestamp') }}

),

reconciled as (

    select
        reconciled_requests.usage_id,
        reconciled_requests.billed_usd,
        reconciled_requests.reconciled_at,
        reconciled_requests.status_reason
    from {{ ref('reconciled_requests') }} as reconciled_requests
    inner join {{ ref('int_days_to_rebuild') }} as rebuilt_days
        on
            {{ day_key('cast(reconciled_requests.logged_at as date)') }}
            = rebuilt_days.usage_date
    where
        reconciled_requests.usage_id is not null
        and {{ within_days('reconciled_requests.logged_at', 'int_days_to_rebuild') }}
        and {{ in_pass('reconciled_requests.logged_at', 'timestamp') }}

),

final as (

    select
        token_usage.id,
        token_usage.user_id,
        token_usage.action_type,
        token_usage.model_used,
        token_usage.tokens_used,
        token_usage.input_tokens,
        token_usage.output_tokens,
        token_usage.cached_input_tokens,
        token_usage.cache_write_tokens,
        token_usage.reasoning_tokens,
        cast(token_usage.audio_seconds as decimal(18, 6)) as audio_seconds,
        token_usage.success,
        token_usage.error_message,
        token_usage.created_at,
        cast(token_usage.calculated_cost_cents as decimal(30, 18))
            as calculated_cost_cents,
        token_usage.openai_request_id,
        token_usage.openai_created,
        token_usage.system_fingerprint,
        token_usage.service_tier,
        token_usage.is_batch,
        token_usage.is_cache_hit,
        token_usage.region,
        token_usage.project_id,
        token_usage.api_key_id,
        token_usage.file_id,
        token_usage.line_number,
        cast(reconciled.billed_usd * 100 as decimal(30, 18)) as actual_cost_cents,
        case when reconciled.billed_usd is not null then reconciled.reconciled_at end
            as reconciled_at,
        {{ status_of_reason('reconciled.status_reason') }} as reconciliation_status,
        reconciled.status_reason
    from token_usage
    inner join reconciled
        on token_usage.id = reconciled.usage_id

)

select * from final
