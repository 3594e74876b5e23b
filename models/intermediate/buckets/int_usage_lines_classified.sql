-- One row per line of a usage export that counts something, with the one use that is
-- made of it and the list price of its tokens. A bucket sums many calls, so which of
-- them reached a higher context tier cannot be known: all have the lowest tier's price.

with

usage_lines as (

    select * from {{ ref('stg_provider__usage_buckets') }}
    where is_filled

),

line_groups as (

    select * from {{ ref('int_bucket_lines_classified') }}
    where bucket_kind <> 'costs'

),

names as (

    select * from {{ ref('int_models_named') }}

),

prices as (

    select * from {{ ref('int_prices_in_force') }}
    where min_input_tokens = 0

),

call_kinds as (

    select distinct usage_kind from {{ ref('usage_kinds') }}
    where is_call

),

placed as (

    select
        usage_lines.file_id,
        usage_lines.line_number,
        usage_lines.project_id as reported_project_id,
        usage_lines.usage_kind,
        usage_lines.is_batch,
        usage_lines.service_tier,
        usage_lines.request_count,
        usage_lines.input_tokens,
        usage_lines.cached_input_tokens,
        usage_lines.cache_write_tokens,
        usage_lines.input_audio_tokens,
        usage_lines.output_audio_tokens,
        usage_lines.input_image_tokens,
        usage_lines.output_image_tokens,
        usage_lines.seconds,
        usage_lines.characters,
        usage_lines.images,
        usage_lines.sessions,
        usage_lines.bytes,
        usage_lines.bucket_start,
        usage_lines.usage_date,
        line_groups.issuer,
        line_groups.load_number,
        line_groups.line_use,
        line_groups.is_itemised_day,
        names.model,
        names.price_model_name,
        call_kinds.usage_kind is not null as is_call,
        usage_lines.output_tokens as stated_output_tokens,
        -- some kinds write no tokens, and their exports have no such column
        coalesce(usage_lines.output_tokens, 0) as output_tokens
    from usage_lines
    inner join line_groups
        on
            usage_lines.file_id = line_groups.file_id
            and usage_lines.usage_kind = line_groups.bucket_kind
            and usage_lines.bucket_start = line_groups.bucket_start
            and usage_lines.bucket_end = line_groups.bucket_end
            and usage_lines.project_id is not distinct from line_groups.project_id
            and usage_lines.organization_id
            is not distinct from line_groups.organization_id
    left join names
        on usage_lines.reported_model = names.model_written
    left join call_kinds
        on usage_lines.usage_kind = call_kinds.usage_kind

),

priced as (

    select
        placed.*,
        {{ project_key('placed.reported_project_id') }} as project_id,
        {{ list_price_usd('placed', 'prices') }} as listed_usd,
        -- the list knows no price of these
        coalesce(placed.input_audio_tokens, 0) = 0
        and coalesce(placed.output_audio_tokens, 0) = 0
        and coalesce(placed.input_image_tokens, 0) = 0
        and coalesce(placed.output_image_tokens, 0) = 0
        and coalesce(placed.seconds, 0) = 0
        and coalesce(placed.characters, 0) = 0
        and coalesce(placed.images, 0) = 0
            as is_text
    from placed
    left join prices
        on
            placed.price_model_name = prices.model_name
            and placed.bucket_start >= prices.valid_from
            and placed.bucket_start < prices.valid_to

),

classified as (

    select
        *,
        case when is_text then listed_usd end as reported_usd
    from priced

)

select * from classified
