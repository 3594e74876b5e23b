-- One row per logged call whose amount is not the one that is billed or, where no
-- request-level bill charges it, not the list price, by more than the noise of doubles.
-- A table, because it is small and the calls and bills behind it are not. Postgres
-- expects the key that joins them to have few values, and would sort both.

{{ config(
    materialized='table',
    meta={'is_made_in_passes': true},
    pre_hook="{{ planned_with({'enable_mergejoin': 'off'}) }}"
) }}

with

calls as (

    select
        *,
        -- a matched row that is no provider call may lack a cost, which counts as 0
        case when is_provider_call then logged_usd else coalesce(logged_usd, 0) end
            as counted_usd
    from {{ ref('int_calls_keyed') }}
    where {{ in_pass('usage_date') }}

),

billed_requests as (

    {{ billed_requests_in_pass() }}

),

pairs as (

    select
        calls.usage_id,
        calls.counted_usd as logged_usd,
        calls.listed_usd,
        billed_requests.line_number is not null as is_billed,
        billed_requests.billed_usd,
        billed_requests.fee_usd,
        coalesce(billed_requests.is_credited, false) as is_credited,
        billed_requests.line_count,

        -- what the list price is taken of, as for expected_usd
        case
            when billed_requests.line_number is null then calls.price_model_name
            else billed_requests.price_model_name
        end as price_model_name,
        coalesce(billed_requests.billed_at, calls.logged_at) as priced_at,
        coalesce(
            billed_requests.input_tokens, billed_requests.output_tokens
        ) is not null
            as is_counted_by_bill,

        -- tokens
        calls.input_tokens as logged_input_tokens,
        calls.cached_input_tokens as logged_cached_input_tokens,
        calls.cache_write_tokens as logged_cache_write_tokens,
        calls.output_tokens as logged_output_tokens,
        billed_requests.input_tokens as billed_input_tokens,
        billed_requests.cached_input_tokens as billed_cached_input_tokens,
        billed_requests.cache_write_tokens as billed_cache_write_tokens,
        billed_requests.output_tokens as billed_output_tokens,
        coalesce(billed_requests.reasoning_tokens, calls.reasoning_tokens)
            as reasoning_tokens,

        -- what either side states of how the call was served
        {{ stated_tier('calls', ['', 'auto', 'default', 'standard']) }} as logged_tier,
        {{ stated_tier('billed_requests') }} as billed_tier,
        billed_requests.is_batch,
        coalesce(
            {{ trimmed('billed_requests.region') }}, {{ trimmed('calls.region') }}
        )
            as region
    from calls
    left join billed_requests
        on
            calls.match_text = billed_requests.match_text
            and calls.match_number = billed_requests.match_number
    where
        abs(
            calls.counted_usd
            - case
                when billed_requests.line_number is null then calls.listed_usd
                else billed_requests.billed_usd
            end
        )
        > {{ noise_usd() }}

)

select * from pairs
