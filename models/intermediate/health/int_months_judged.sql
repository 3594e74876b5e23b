-- One row per month with a row of either side or a rejected line: which claims of a
-- healthy month hold. Every threshold is a multiplication, so that engines agree at it.

with

counted as (

    select * from {{ ref('int_months_counted') }}

),

rejected as (

    select
        cast(date_trunc('month', first_date) as date) as usage_month,
        cast(sum(rejected_line_count) as bigint) as rejected_line_count
    from {{ ref('stg_loader__loaded_files') }}
    where rejected_line_count > 0
    group by 1

),

months as (

    select usage_month from counted

    union

    select usage_month from rejected

),

filled as (

    select
        months.usage_month,
        coalesce(counted.billed_request_count, 0) as billed_request_count,
        coalesce(counted.matched_count, 0) as matched_count,
        coalesce(counted.discrepancy_count, 0) as discrepancy_count,
        coalesce(counted.duplicate_log_count, 0) as duplicate_log_count,
        coalesce(counted.not_found_count, 0) as not_found_count,
        coalesce(counted.pending_count, 0) as pending_count,
        coalesce(counted.missing_from_bill_count, 0) as missing_from_bill_count,
        coalesce(rejected.rejected_line_count, 0) as rejected_line_count,
        coalesce(counted.covered_call_count, 0) as covered_call_count,
        counted.logged_usd,
        counted.billed_usd,
        counted.difference_usd,
        counted.charged_usd,
        coalesce(counted.matched_usd, 0) as matched_usd,
        coalesce(counted.discrepancy_usd, 0) as discrepancy_usd,
        coalesce(counted.not_found_usd, 0) as not_found_usd,
        coalesce(counted.compared_logged_usd, 0) as compared_logged_usd,
        coalesce(counted.compared_difference_usd, 0) as compared_difference_usd
    from months
    left join counted
        on months.usage_month is not distinct from counted.usage_month
    left join rejected
        on months.usage_month is not distinct from rejected.usage_month

),

judged as (

    select
        *,
        discrepancy_count >= cast(0.30 as decimal(4, 2)) * billed_request_count
            as are_prices_out_of_date,
        abs(compared_difference_usd)
        > cast({{ var('drift_tolerance_pct') }} as decimal(6, 4))
        * abs(compared_logged_usd)
            as is_drifting,
        matched_count >= cast(0.95 as decimal(4, 2)) * billed_request_count
        and discrepancy_count < cast(0.05 as decimal(4, 2)) * billed_request_count
        and not_found_count < cast(0.01 as decimal(4, 2)) * billed_request_count
            as are_requests_healthy,
        charged_usd is null
        or charged_usd <= 0
        or (
            matched_usd >= cast(0.95 as decimal(4, 2)) * charged_usd
            and discrepancy_usd < cast(0.05 as decimal(4, 2)) * charged_usd
            and not_found_usd < cast(0.01 as decimal(4, 2)) * charged_usd
        ) as are_dollars_healthy,
        missing_from_bill_count <= cast(0.01 as decimal(4, 2)) * covered_call_count
            as is_bill_complete
    from filled

)

select * from judged
