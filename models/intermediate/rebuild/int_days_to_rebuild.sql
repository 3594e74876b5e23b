-- One row per UTC day whose rows this build makes anew: the changed days, those that a
-- request id links to them, and their neighbours, as calls are matched across midnight.
-- A table, because it is small and every step looks its rows up in it.

{{ config(materialized='table', post_hook="{{ mark_days_unbuilt() }}") }}

with

days as (

    select usage_date from {{ ref('int_days_changed') }}

    union

    select usage_date from {{ ref('int_days_linked') }}

),

neighbours as (

    {{ neighbouring_days('days') }}

),

marked as (

    select
        usage_date,
        {{ is_whole_build() }} as is_whole_build
    from neighbours

)

select * from marked
