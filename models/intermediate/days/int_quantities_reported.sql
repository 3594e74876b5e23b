-- One row per UTC day, project, model, token class and unit of the usage exports.

with

usage_lines as (

    select
        *,
        -- input includes what was cached, written, heard and seen; output what was
        -- spoken and drawn
        input_tokens
        - coalesce(cached_input_tokens, 0)
        - coalesce(cache_write_tokens, 0)
        - coalesce(input_audio_tokens, 0)
        - coalesce(input_image_tokens, 0) as uncached_input_tokens,
        stated_output_tokens
        - coalesce(output_audio_tokens, 0)
        - coalesce(output_image_tokens, 0) as text_output_tokens
    from {{ ref('int_usage_lines_placed') }}

),

measures as (

    select * from {{ ref('usage_measures') }}

),

measured as (

    select
        usage_lines.usage_date,
        usage_lines.project_id,
        usage_lines.day_model as model,
        measures.token_class,
        measures.quantity_unit,
        case measures.measure
            when 'uncached_input_tokens' then usage_lines.uncached_input_tokens
            when 'cached_input_tokens' then usage_lines.cached_input_tokens
            when 'cache_write_tokens' then usage_lines.cache_write_tokens
            when 'text_output_tokens' then usage_lines.text_output_tokens
            when 'input_audio_tokens' then usage_lines.input_audio_tokens
            when 'output_audio_tokens' then usage_lines.output_audio_tokens
            when 'input_image_tokens' then usage_lines.input_image_tokens
            when 'output_image_tokens' then usage_lines.output_image_tokens
            when 'seconds' then usage_lines.seconds
            when 'characters' then usage_lines.characters
            when 'images' then usage_lines.images
            when 'sessions' then usage_lines.sessions
            when 'bytes' then usage_lines.bytes
            when 'tool_calls'
                then
                    case when not usage_lines.is_call then usage_lines.request_count end
        end as quantity
    from usage_lines
    cross join measures

),

summed as (

    select
        usage_date,
        project_id,
        model,
        token_class,
        quantity_unit,
        {{ fitting_tokens('sum(quantity)') }} as quantity
    from measured
    where quantity is not null
    group by 1, 2, 3, 4, 5

)

select * from summed
