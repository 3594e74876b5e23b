-- One row per row of reconciled_requests, with the two errors that make its difference,
-- ours and the provider's, and their causes.

with

found as (

    select * from {{ ref('int_requests_caused') }}

),

united as (

    select * from {{ ref('int_candidates_united') }}

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
