-- One row per row of reconciled_requests, with the causes that were found for its
-- logged and its billed amount, or that its reason is.

with

-- of the same types: else one process of Postgres would compute all that is above
rows_of_both_grains as (

    select * from {{ ref('int_requests_judged') }}

    union all

    select * from {{ ref('int_charges_judged') }}
    where {{ in_pass('usage_date') }}

),

call_causes as (

    select
        error_key,
        max(case when side = 'log' then cause end) as log_cause,
        max(case when side = 'log' then cause_candidates end) as log_candidates,
        max(case when side = 'bill' then cause end) as bill_cause,
        max(case when side = 'bill' then cause_candidates end) as bill_candidates
    from {{ ref('int_causes_found') }}
    group by 1

),

buckets as (

    select * from {{ ref('int_buckets_explained') }}

),

found as (

    select
        requests.*,
        requests.status_reason in (
            'exact', 'within_percent', 'within_amount', 'outside_tolerance'
        ) as is_two_sided,
        abs(requests.difference_usd) > {{ noise_usd() }} as is_different,
        call_causes.log_cause as log_found,
        call_causes.log_candidates,
        coalesce(call_causes.bill_cause, buckets.bill_cause) as bill_found,
        coalesce(call_causes.bill_candidates, buckets.cause_candidates)
            as bill_candidates,
        -- a row of one side has the cause of its reason
        case
            when
                requests.status_reason = 'not_logged'
                and buckets.bucket_number is not null
                then coalesce(buckets.gap_cause, 'logging_gap')
            when requests.status_reason in ('not_an_api_call', 'no_request_id')
                then
                    case
                        when abs(requests.difference_usd) > {{ noise_usd() }}
                            then 'not_applicable'
                    end
            else requests.status_reason
        end as own_cause,
        requests.status_reason in (
            'missing_from_bill', 'awaiting_bill', 'non_usage_charge'
        ) as is_own_to_bill
    from rows_of_both_grains as requests
    left join call_causes
        on requests.reconciliation_key = call_causes.error_key
    left join buckets
        on requests.bucket_number = buckets.bucket_number

)

select * from found
