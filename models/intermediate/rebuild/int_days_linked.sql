-- One row per UTC day that is not among the changed ones, but has a row with a request
-- id of one of them.

with

shared_ids as (

    select * from {{ ref('int_request_ids_shared') }}

),

linked as (

    select distinct usage_date
    from shared_ids
    where is_changed

)

select * from linked
