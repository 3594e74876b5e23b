-- One row per logged call, and per billed request that no log explains, with the reason
-- that decides its status.

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
            when
                is_logged
                and not is_billed
                and not is_allocated
                and request_id is null
                then 'no_request_id'
            when is_duplicate_log then 'duplicate_log'
            when is_logged and (is_billed or is_allocated) and is_amount_missing
                then 'no_price'
            -- a call that shares a bucket's bill has the bucket's result
            when is_allocated then bucket_reason
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
        -- ids
        reconciliation_key,
        usage_id,
        request_id,
        billed_request_id,
        coalesce(issuer, bucket_issuer) as issuer,

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
        cast(1 as bigint) as request_count,

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
        logged_cost_basis,
        case
            when is_allocated then 'allocated'
            when not is_billed then null
            when is_priced_from_list then 'price_list'
            else 'billed'
        end as billed_cost_basis,

        -- result
        case when is_allocated then 'bucket' else match_method end as match_method,
        case
            when is_allocated then 'bucket'
            when is_billed then 'request'
        end as bill_grain,
        status_reason,
        is_provider_call,
        is_covered,

        -- where it comes from
        bucket_number,
        file_id,
        reconciled_at
    from reasoned

)

select * from judged
