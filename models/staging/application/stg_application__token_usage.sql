-- One row per call that our application logged.

with

source as (

    select * from {{ source('raw', 'token_usage') }}

),

renamed as (

    select
        -- ids
        id as usage_id,
        {{ trimmed('openai_request_id') }} as request_id,
        user_id,
        {{ trimmed('project_id') }} as project_id,
        file_id,
        line_number,

        -- what was called
        action_type,
        {{ trimmed('model_used') }} as logged_model,
        service_tier,
        is_batch,
        region,

        -- tokens
        input_tokens,
        output_tokens,
        cached_input_tokens,
        cache_write_tokens,
        reasoning_tokens,

        -- money: the log keeps US cents; rounding first is what DuckDB does fastest
        cast(
            round(calculated_cost_cents * 0.01, 18) as decimal(30, 18)
        ) as stated_usd,

        -- times
        created_at as logged_at,
        cast(created_at as date) as usage_date,

        -- calls of a loaded file never change, those of the application's own table may
        {{ own_rows_hash(source('raw', 'token_usage')) }} as content_hash

    from source

)

select * from renamed
