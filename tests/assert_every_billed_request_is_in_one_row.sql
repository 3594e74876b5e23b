-- Every billed request is in exactly one row of reconciled_requests: on its call's row,
-- or on a row of its own. A request on two rows would be paid for twice in every sum.

with

billed as (

    select cast(coalesce(sum(request_count), 0) as bigint) as row_count
    from {{ ref('int_requests_summed_by_day') }}

),

reconciled as (

    select cast(coalesce(sum(row_count), 0) as bigint) as row_count
    from {{ ref('int_requests_summed_by_result') }}
    where bill_grain = 'request'

)

select
    billed.row_count as billed_count,
    reconciled.row_count as reconciled_count
from billed
cross join reconciled
where billed.row_count <> reconciled.row_count
