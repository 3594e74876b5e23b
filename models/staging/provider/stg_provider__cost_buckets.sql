-- One row per line of a provider's cost export.

with

source as (

    select * from {{ source('raw', 'cost_buckets') }}

),

renamed as (

    select
        -- ids
        file_id,
        line_number,
        {{ trimmed('project_id') }} as project_id,
        {{ trimmed('organization_id') }} as organization_id,

        -- what was charged
        {{ trimmed('line_item') }} as line_item,
        quantity,
        nullif(lower(trim(quantity_unit)), '') as quantity_unit,

        -- money
        amount_usd,

        -- times
        bucket_start,
        bucket_end,
        cast(bucket_start as date) as usage_date,

        -- a line without is an empty row: nothing was charged in its bucket
        amount_usd is not null or quantity is not null as is_filled

    from source

)

select * from renamed
