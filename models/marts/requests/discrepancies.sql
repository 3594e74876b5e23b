-- One row per reconciled request that somebody must look at.

with

reconciled as (

    select * from {{ ref('reconciled_requests') }}

),

final as (

    select * from reconciled
    where
        reconciliation_status in ('discrepancy', 'not_found')
        or status_reason in ('missing_from_bill', 'no_price')

)

select * from final
