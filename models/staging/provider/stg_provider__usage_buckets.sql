-- One row per line of a provider's usage export.

with

source as (

    select * from {{ source('raw', 'usage_buckets') }}

),

renamed as (

    select
        -- ids
        file_id,
        line_number,
        {{ trimmed('project_id') }} as project_id,
        {{ trimmed('organization_id') }} as organization_id,

        -- what was used
        usage_kind,
        {{ trimmed('model') }} as reported_model,
        is_batch,
        service_tier,
        request_count,

        -- tokens: input includes cached and written ones
        input_tokens,
        cached_input_tokens,
        cache_write_tokens,
        output_tokens,
        input_audio_tokens,
        output_audio_tokens,
        input_image_tokens,
        output_image_tokens,

        -- what is not counted in tokens
        seconds,
        characters,
        images,
        sessions,
        bytes,

        -- times
        bucket_start,
        bucket_end,
        cast(bucket_start as date) as usage_date,

        -- a line without is an empty row: nothing was used in its bucket
        coalesce(
            request_count, input_tokens, cached_input_tokens, cache_write_tokens,
            output_tokens, input_audio_tokens, output_audio_tokens,
            input_image_tokens, output_image_tokens, seconds, characters, images,
            sessions, bytes
        ) is not null as is_filled

    from source

)

select * from renamed
