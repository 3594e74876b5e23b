-- One row per row of reconciled_requests, with the two errors that make its difference,
-- ours and the provider's, and their causes.

with

rows_of_both_grains as (

    select * from {{ ref('int_requests_judged') }}

    union all

    select * from {{ ref('int_charges_judged') }}

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

united as (

    select * from {{ ref('int_candidates_united') }}

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

),

split as (

    select
        *,
        cast(
            case
                when is_two_sided then expected_usd - coalesce(logged_usd, 0)
                when is_own_to_bill then 0 * difference_usd
                else difference_usd
            end as decimal(30, 18)
        ) as log_error_usd,
        cast(
            case
                when is_two_sided then coalesce(billed_usd, 0) - expected_usd
                when is_own_to_bill then difference_usd
                else 0 * difference_usd
            end as decimal(30, 18)
        ) as bill_error_usd
    from found

),

caused as (

    select
        *,
        case
            when not is_two_sided and not is_own_to_bill then own_cause
            when not is_two_sided or not is_different then null
            when expected_usd is null then 'no_price'
            when abs(log_error_usd) > {{ noise_usd() }}
                then coalesce(log_found, 'unexplained')
        end as log_cause,
        case
            when not is_two_sided and is_own_to_bill then own_cause
            when not is_two_sided or not is_different then null
            when abs(bill_error_usd) > {{ noise_usd() }}
                then coalesce(bill_found, 'unexplained')
        end as bill_cause
    from split

),

explained as (

    select
        caused.*,
        case
            when caused.log_cause <> caused.bill_cause then 'several'
            else coalesce(caused.log_cause, caused.bill_cause)
        end as cause,
        case
            when caused.log_cause = 'ambiguous' and caused.bill_cause = 'ambiguous'
                then united.cause_candidates
            when caused.log_cause = 'ambiguous' then caused.log_candidates
            when caused.bill_cause = 'ambiguous' then caused.bill_candidates
        end as cause_candidates
    from caused
    left join united
        on
            caused.log_candidates = united.log_candidates
            and caused.bill_candidates = united.bill_candidates

)

select * from explained
