-- One row: the UTC time that counts as now, var as_of or else the newest load; null
-- before the first load.

{%- set as_of_or_null = "'" ~ var('as_of') ~ "'" if var('as_of') else 'null' %}

with

files as (

    select * from {{ ref('stg_loader__loaded_files') }}

),

today as (

    select
        coalesce(cast({{ as_of_or_null }} as timestamp), max(loaded_at)) as as_of
    from files

)

select * from today
