-- Every billed request is in exactly one row of reconciled_requests: on its call's row, or on
-- a row of its own. A request on two rows would be paid for twice in every sum.

with

counted as (

    select
        (select count(*) from {{ ref('int_billed_requests_summed') }}) as billed_count,
        (
            select count(*) from {{ ref('reconciled_requests') }}
            where file_id is not null
        ) as reconciled_count

)

select * from counted
where billed_count <> reconciled_count
