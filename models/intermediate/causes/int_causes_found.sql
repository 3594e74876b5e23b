-- One row per amount to explain, with its cause: the one that the strongest class of
-- evidence leaves, `ambiguous` where it leaves several, `unexplained` where none fits.
-- A table, because calls, days and buckets look their causes up in it.

{{ config(materialized='table') }}

with

errors as (

    select * from {{ ref('int_errors_to_explain') }}

),

reproducing as (

    select * from {{ ref('int_hypotheses_tested') }}

    union

    select * from {{ ref('int_other_models_tested') }}

    union

    select * from {{ ref('int_bucket_tiers_tested') }}

),

strongest as (

    select
        error_key,
        side,
        min(evidence_class) as evidence_class
    from reproducing
    group by 1, 2

),

listed as (

    select
        reproducing.error_key,
        reproducing.side,
        count(distinct reproducing.cause) as cause_count,
        min(reproducing.cause) as cause,
        {{ dbt.listagg(
            'reproducing.cause',
            "', '",
            'order by ' ~ bytewise('reproducing.cause')
        ) }}
            as cause_candidates
    from reproducing
    inner join strongest
        on
            reproducing.error_key = strongest.error_key
            and reproducing.side = strongest.side
            and reproducing.evidence_class = strongest.evidence_class
    group by 1, 2

),

found as (

    select
        errors.error_key,
        errors.side,
        case
            when listed.cause_count is null then 'unexplained'
            when listed.cause_count = 1 then listed.cause
            else 'ambiguous'
        end as cause,
        case when listed.cause_count > 1 then listed.cause_candidates end
            as cause_candidates
    from errors
    left join listed
        on
            errors.error_key = listed.error_key
            and errors.side = listed.side

)

select * from found
