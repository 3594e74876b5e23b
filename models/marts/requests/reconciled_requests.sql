-- One row per logged call, and per billed request that no log explains.

with

compared as (

    select * from {{ ref('int_differences_compared') }}

),

-- the first reason that holds; each belongs to one status
reasoned as (

    select
        *,
        case
            when is_other_action then 'not_an_api_call'
            when is_logged and not is_billed and request_id is null then 'no_request_id'
            when is_duplicate_log then 'duplicate_log'
            when is_logged and is_billed and is_amount_missing then 'no_price'
            when is_logged and not is_billed and is_covered and is_settled
                then 'missing_from_bill'
            when is_logged and not is_billed then 'awaiting_bill'
            when not is_logged then 'not_logged'
            when difference_usd = 0 then 'exact'
            when is_within_percent then 'within_percent'
            when is_within_amount then 'within_amount'
            else 'outside_tolerance'
        end as status_reason
    from compared

),

judged as (

    select
        *,
        case
            when status_reason in ('exact', 'within_percent', 'within_amount')
                then 'matched'
            when
                status_reason in ('duplicate_log', 'outside_tolerance')
                then 'discrepancy'
            when status_reason in ('no_price', 'missing_from_bill', 'awaiting_bill')
                then 'pending'
            when status_reason in ('not_an_api_call', 'no_request_id')
                then 'not_applicable'
            when status_reason = 'not_logged' then 'not_found'
        end as reconciliation_status
    from reasoned

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

        -- tokens
        logged_input_tokens,
        logged_output_tokens,
        billed_input_tokens,
        billed_cached_input_tokens,
        billed_output_tokens,

        -- money
        logged_usd,
        counted_billed_usd as billed_usd,
        expected_usd,
        difference_usd,
        {{ ratio('difference_usd', 'logged_usd') }} as difference_pct,
        logged_cost_basis,
        case
            when not is_billed then null
            when is_priced_from_list then 'price_list'
            else 'billed'
        end as billed_cost_basis,

        -- result
        match_method,
        reconciliation_status,
        status_reason,
        is_provider_call,
        is_covered,

        -- where it comes from
        file_id,
        reconciled_at
    from judged

)

select * from final
