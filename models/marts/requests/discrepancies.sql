-- One row per reconciled request that somebody must look at; of calls that share the
-- bill of a bucket, one row per bucket and reason.

with

to_look_at as (

    select * from {{ ref('reconciled_requests') }}
    where
        reconciliation_status in ('discrepancy', 'not_found')
        or status_reason in ('missing_from_bill', 'no_price')

),

bucket_calls as (

    select * from {{ ref('int_bucket_discrepancies_summed') }}

),

final as (

    select * from to_look_at
    where match_method is distinct from 'bucket'

    union all

    select * from bucket_calls

)

select * from final
