-- One row per UTC day whose calls and bill lines this build reads: those that it makes
-- anew, and their neighbours, whose calls may be the nearer ones.
-- A table, because it is small and every call and bill line looks itself up in it.

{{ config(materialized='table') }}

with

days as (

    select usage_date from {{ ref('int_days_to_rebuild') }}

),

neighbours as (

    {{ neighbouring_days('days') }}

)

select * from neighbours
