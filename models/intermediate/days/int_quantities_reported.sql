-- One row per UTC day, project, model, token class and unit of the usage exports.

with

usage_lines as (

    select * from {{ ref('int_usage_lines_classified') }}
    where line_use = 'counted'

),

ungrouped_days as (

    select * from {{ ref('int_ungrouped_days') }}

),

measures as (

    select * from {{ ref('usage_measures') }}

),

placed as (

    select
        usage_lines.*,
        {{ bucket_model('usage_lines.model', 'ungrouped_days') }} as day_model,
        -- input includes what was cached, written, heard and seen; output what was
        -- spoken and drawn
        usage_lines.input_tokens
        - coalesce(usage_lines.cached_input_tokens, 0)
        - coalesce(usage_lines.cache_write_tokens, 0)
        - coalesce(usage_lines.input_audio_tokens, 0)
        - coalesce(usage_lines.input_image_tokens, 0) as uncached_input_tokens,
        usage_lines.stated_output_tokens
        - coalesce(usage_lines.output_audio_tokens, 0)
        - coalesce(usage_lines.output_image_tokens, 0) as text_output_tokens
    from usage_lines
    left join ungrouped_days
        on
            usage_lines.usage_date = ungrouped_days.usage_date
            and usage_lines.project_id = ungrouped_days.project_id

),

measured as (

    select
        placed.usage_date,
        placed.project_id,
        placed.day_model as model,
        measures.token_class,
        measures.quantity_unit,
        case measures.measure
            when 'uncached_input_tokens' then placed.uncached_input_tokens
            when 'cached_input_tokens' then placed.cached_input_tokens
            when 'cache_write_tokens' then placed.cache_write_tokens
            when 'text_output_tokens' then placed.text_output_tokens
            when 'input_audio_tokens' then placed.input_audio_tokens
            when 'output_audio_tokens' then placed.output_audio_tokens
            when 'input_image_tokens' then placed.input_image_tokens
            when 'output_image_tokens' then placed.output_image_tokens
            when 'seconds' then placed.seconds
            when 'characters' then placed.characters
            when 'images' then placed.images
            when 'sessions' then placed.sessions
            when 'bytes' then placed.bytes
            when 'tool_calls'
                then case when not placed.is_call then placed.request_count end
        end as quantity
    from placed
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
