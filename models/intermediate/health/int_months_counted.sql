-- One row per month that has a row of either side, with its counts and dollars.

with

results as (

    select
        *,
        -- a credit, refund, tax or purchase is a charge, but for no request
        file_id is not null and status_reason <> 'non_usage_charge'
            as is_charged_request
    from {{ ref('int_requests_summed_by_result') }}

),

counted as (

    select
        cast(date_trunc('month', usage_date) as date) as usage_month,

        -- requests
        cast(
            coalesce(sum(request_count) filter (where is_charged_request), 0) as bigint
        ) as billed_request_count,
        cast(
            sum(case when reconciliation_status = 'matched' then row_count else 0 end)
            as bigint
        ) as matched_count,
        cast(
            sum(case when status_reason = 'outside_tolerance' then row_count else 0 end)
            as bigint
        ) as discrepancy_count,
        cast(
            sum(case when status_reason = 'duplicate_log' then row_count else 0 end)
            as bigint
        ) as duplicate_log_count,
        cast(
            coalesce(
                sum(request_count) filter (where reconciliation_status = 'not_found'),
                0
            ) as bigint
        ) as not_found_count,
        cast(
            sum(case when reconciliation_status = 'pending' then row_count else 0 end)
            as bigint
        ) as pending_count,
        cast(
            sum(case when status_reason = 'missing_from_bill' then row_count else 0 end)
            as bigint
        ) as missing_from_bill_count,
        cast(
            sum(case when is_covered_call then row_count else 0 end) as bigint
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
    from results
    group by 1

)

select * from counted
