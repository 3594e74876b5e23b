-- One row per loaded file.

with

source as (

    select * from {{ source('raw', 'loaded_files') }}

),

renamed as (

    select
        *,
        cast(first_at as date) as first_date,
        cast(last_at as date) as last_date

    from source

)

select * from renamed
