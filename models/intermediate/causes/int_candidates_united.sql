-- One row per two lists of candidates, of our amount and of the billed one, with the
-- list that holds both.
-- A table, because it is small and every request looks itself up in it: of a view an
-- engine expects many rows, and would keep all requests in memory instead.

{{ config(materialized='table') }}

with

lists as (

    select distinct cause_candidates from {{ ref('int_causes_found') }}
    where cause_candidates is not null

),

causes as (

    select * from {{ ref('variance_causes') }}

),

united as (

    select
        our_lists.cause_candidates as log_candidates,
        their_lists.cause_candidates as bill_candidates,
        {{ dbt.listagg(
            'causes.cause', "', '", 'order by ' ~ bytewise('causes.cause')
        ) }}
            as cause_candidates
    from lists as our_lists
    cross join lists as their_lists
    inner join causes
        on
            ', ' || our_lists.cause_candidates
            || ', ' || their_lists.cause_candidates || ', '
            like '%, ' || causes.cause || ', %'
    group by 1, 2

)

select * from united
