-- One row per month that has a row of either side, with its counts and dollars.

with

reconciled as (

    select
        *,
        -- a credit, refund, tax or purchase is a charge, but for no request
        file_id is not null and status_reason <> 'non_usage_charge'
            as is_charged_request
    from {{ ref('reconciled_requests') }}

),

counted as (

    select
        cast(date_trunc('month', usage_date) as date) as usage_month,

        -- requests
        cast(
            coalesce(sum(request_count) filter (where is_charged_request), 0) as bigint
        ) as billed_request_count,
        count(*) filter (where reconciliation_status = 'matched') as matched_count,
        count(*) filter (where status_reason = 'outside_tolerance')
            as discrepancy_count,
        count(*) filter (where status_reason = 'duplicate_log') as duplicate_log_count,
        cast(
            coalesce(
                sum(request_count) filter (where reconciliation_status = 'not_found'),
                0
            ) as bigint
        ) as not_found_count,
        count(*) filter (where reconciliation_status = 'pending') as pending_count,
        count(*) filter (where status_reason = 'missing_from_bill')
            as missing_from_bill_count,
        -- what a bill of the day should hold
        count(*) filter (
            where
            usage_id is not null
            and is_provider_call
            and is_covered
            and status_reason <> 'duplicate_log'
        ) as covered_call_count,

        -- dollars of all rows
        cast(sum(logged_usd) as decimal(30, 18)) as logged_usd,
        cast(sum(billed_usd) as decimal(30, 18)) as billed_usd,
        cast(sum(difference_usd) as decimal(30, 18)) as difference_usd,

        -- billed dollars by result, of what was charged for requests
        cast(
            sum(case when is_charged_request then billed_usd end) as decimal(30, 18)
        ) as charged_usd,
        cast(
            sum(case when reconciliation_status = 'matched' then billed_usd else 0 end)
            as decimal(30, 18)
        ) as matched_usd,
        cast(
            sum(
                case when status_reason = 'outside_tolerance' then billed_usd else 0 end
            )
            as decimal(30, 18)
        ) as discrepancy_usd,
        cast(
            sum(
                case when reconciliation_status = 'not_found' then billed_usd else 0 end
            )
            as decimal(30, 18)
        ) as not_found_usd,

        -- dollars of the rows that can drift: both sides known
        cast(
            sum(
                case
                    when
                        reconciliation_status in ('matched', 'discrepancy')
                        then logged_usd
                    else 0
                end
            ) as decimal(30, 18)
        ) as compared_logged_usd,
        cast(
            sum(
                case
                    when reconciliation_status in ('matched', 'discrepancy')
                        then difference_usd
                    else 0
                end
            ) as decimal(30, 18)
        ) as compared_difference_usd
    from reconciled
    group by 1

)

select * from counted
