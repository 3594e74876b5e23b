-- One row per charge of a cost export that no logged call shares, as a row of
-- reconciled_requests.

with

charges as (

    select * from {{ ref('int_charges_unlogged') }}

),

files as (

    select * from {{ ref('stg_loader__loaded_files') }}

),

judged as (

    select
        -- ids
        charges.reconciliation_key,
        cast(null as {{ dbt.type_string() }}) as usage_id,
        cast(null as {{ dbt.type_string() }}) as request_id,
        cast(null as {{ dbt.type_string() }}) as billed_request_id,
        charges.issuer,

        -- when
        charges.usage_date,
        cast(null as timestamp) as logged_at,
        cast(null as timestamp) as billed_at,

        -- who and what
        cast(null as {{ dbt.type_string() }}) as user_id,
        cast(null as {{ dbt.type_string() }}) as action_type,
        cast(null as {{ dbt.type_string() }}) as logged_model,
        charges.billed_model,
        charges.model,
        charges.project_id,
        charges.request_count,

        -- tokens: a bucket's are in daily_tokens
        cast(null as bigint) as logged_input_tokens,
        cast(null as bigint) as logged_output_tokens,
        cast(null as bigint) as billed_input_tokens,
        cast(null as bigint) as billed_cached_input_tokens,
        cast(null as bigint) as billed_output_tokens,

        -- money
        cast(null as decimal(30, 18)) as logged_usd,
        cast(charges.billed_usd as decimal(30, 18)) as billed_usd,
        cast(charges.expected_usd as decimal(30, 18)) as expected_usd,
        cast(charges.billed_usd as decimal(30, 18)) as difference_usd,
        cast(null as {{ dbt.type_string() }}) as logged_cost_basis,
        'billed' as billed_cost_basis,

        -- result
        cast(null as {{ dbt.type_string() }}) as match_method,
        'bucket' as bill_grain,
        charges.status_reason,
        true as is_provider_call,
        true as is_covered,

        -- where it comes from
        charges.bucket_number,
        files.file_id,
        files.loaded_at as reconciled_at
    from charges
    left join files
        on charges.load_number = files.load_number

)

select * from judged
