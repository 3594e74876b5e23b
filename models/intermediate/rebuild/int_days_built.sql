-- One row per UTC day and kind of fact, as int_days_fingerprinted, of the last build
-- that ended: what the next one compares itself with. So it is the last of all models.
-- depends_on: {{ ref('token_usage_reconciled') }}
-- depends_on: {{ ref('discrepancies') }}
-- depends_on: {{ ref('loaded_files') }}
-- depends_on: {{ ref('daily_reconciliation') }}
-- depends_on: {{ ref('variance_waterfall') }}
-- depends_on: {{ ref('price_findings') }}

{{ config(materialized='table') }}

with

fingerprints as (

    select * from {{ ref('int_days_fingerprinted') }}

)

select * from fingerprints
