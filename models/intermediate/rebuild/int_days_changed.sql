-- One row per UTC day of which something is not as it was when it was built last.
-- A table, because it is small and decides what the whole build reads.

{{ config(materialized='table') }}

with

present as (

    select * from {{ ref('int_days_fingerprinted') }}

),

files as (

    select * from {{ ref('stg_loader__loaded_files') }}

),

past as (

    {{ kept_rows('int_days_built', {
        'usage_date': 'date',
        'fact_kind': dbt.type_string(),
        'fingerprint': 'decimal(38, 0)',
    }) }}

),

past_files as (

    {{ kept_rows('loaded_files', {'file_id': dbt.type_string()}) }}

),

past_price_days as (

    {{ kept_rows('int_price_days_judged', {
        'usage_date': 'date',
        'bill_grain': dbt.type_string(),
        'is_within_context_tiers': 'boolean',
        'why_not': dbt.type_string(),
    }) }}

),

gone_files as (

    select past_files.file_id
    from past_files
    left join files
        on past_files.file_id = files.file_id
    where files.file_id is null

),

changed as (

    select coalesce(present.usage_date, past.usage_date) as usage_date
    from present
    full outer join past
        on
            present.usage_date = past.usage_date
            and present.fact_kind = past.fact_kind
    where present.fingerprint is distinct from past.fingerprint

    union

    -- a mark without a fingerprint: the build that began on the day did not end
    select usage_date
    from past
    where fingerprint is null

    union

    -- whether a price is a mixture of context tiers depends on other days that have it
    select usage_date
    from past_price_days
    where bill_grain = 'bucket' and is_within_context_tiers and why_not is null

    union

    -- what a file that is gone had to do with other days is gone too
    select present.usage_date
    from present
    cross join gone_files

    union

    select past.usage_date
    from past
    cross join gone_files

)

select * from changed
