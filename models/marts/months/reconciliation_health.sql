-- One row per month: what was billed, what of it is explained, and the verdict.

with

judged as (

    select * from {{ ref('int_months_judged') }}

),

discrepancies as (

    select * from {{ ref('int_discrepancies_summed_by_month') }}

),

joined as (

    select
        judged.*,
        coalesce(discrepancies.accepted_count, 0) as accepted_count,
        cast(coalesce(discrepancies.accepted_usd, 0) as decimal(30, 18))
            as accepted_usd,
        coalesce(discrepancies.open_count, 0) as open_count,
        cast(coalesce(discrepancies.open_usd, 0) as decimal(30, 18)) as open_usd
    from judged
    left join discrepancies
        on judged.usage_month is not distinct from discrepancies.usage_month

),

final as (

    select
        usage_month,

        -- counts
        billed_request_count,
        matched_count,
        discrepancy_count,
        duplicate_log_count,
        not_found_count,
        pending_count,
        missing_from_bill_count,
        rejected_line_count,

        -- shares of billed requests
        {{ ratio('matched_count', 'billed_request_count') }} as match_rate,
        {{ ratio('discrepancy_count', 'billed_request_count') }} as discrepancy_rate,
        {{ ratio('not_found_count', 'billed_request_count') }} as not_found_rate,

        -- dollars
        logged_usd,
        billed_usd,
        not_found_usd,
        difference_usd,

        -- drift
        {{ ratio('compared_difference_usd', 'compared_logged_usd') }} as drift_pct,
        is_drifting,

        case
            when billed_request_count = 0 then 'no_bill'
            when not_found_count = billed_request_count then 'nothing_logged'
            when are_prices_out_of_date then 'prices_out_of_date'
            when is_drifting then 'drifting'
            when
                are_requests_healthy
                and are_dollars_healthy
                and is_bill_complete
                and rejected_line_count = 0
                then 'healthy'
            else 'needs_review'
        end as verdict,

        -- what of the mart discrepancies somebody has accepted, and what stays open
        accepted_count,
        accepted_usd,
        open_count,
        open_usd
    from joined

)

select * from final
