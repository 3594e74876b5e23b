-- One row per line of a request-level bill.

with

source as (

    select * from {{ source('raw', 'billed_requests') }}

),

renamed as (

    select
        -- ids
        file_id,
        line_number,
        {{ trimmed('request_id') }} as request_id,

        -- what was called
        {{ trimmed('model') }} as billed_model,
        endpoint,
        request_status,
        service_tier,
        is_batch,
        region,

        -- tokens
        input_tokens,
        cached_input_tokens,
        cache_write_tokens,
        output_tokens,
        reasoning_tokens,
        total_tokens,

        -- money
        cost_usd as stated_usd,
        fee_usd,

        -- times
        billed_at,
        cast(billed_at as date) as billed_date

    from source

)

select * from renamed
