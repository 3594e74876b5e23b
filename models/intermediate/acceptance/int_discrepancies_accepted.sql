-- One row per discrepancy that an acceptance covers which still holds: it has not
-- expired, and what it covers is together at most its maximum. Of several, the first.

with

discrepancies as (

    select * from {{ ref('int_discrepancies_listed') }}

),

acceptances as (

    select * from {{ ref('accepted_differences') }}

),

today as (

    select * from {{ ref('int_today') }}

),

covered as (

    select
        discrepancies.reconciliation_key,
        acceptances.acceptance,
        acceptances.maximum_usd,
        -- of an unknown difference all that is known is at stake
        abs(
            coalesce(
                discrepancies.difference_usd,
                discrepancies.billed_usd,
                discrepancies.logged_usd,
                0
            )
        ) as open_usd
    from discrepancies
    inner join acceptances
        on
            discrepancies.reconciliation_key = coalesce(
                acceptances.reconciliation_key, discrepancies.reconciliation_key
            )
            and (
                acceptances.model is null
                or discrepancies.model = acceptances.model
            )
            and (
                acceptances.usage_date is null
                or discrepancies.usage_date = acceptances.usage_date
            )
            and (
                acceptances.cause is null
                or discrepancies.cause = acceptances.cause
            )
    cross join today
    where
        acceptances.expires_on is null
        or today.as_of is null
        or cast(today.as_of as date) <= acceptances.expires_on

),

summed as (

    select
        *,
        sum(open_usd) over (partition by acceptance) as covered_usd
    from covered

),

held as (

    select
        reconciliation_key,
        min({{ bytewise('acceptance') }}) as acceptance
    from summed
    where covered_usd <= maximum_usd
    group by 1

)

select * from held
