-- One row per line that the loader could not understand.

with

source as (

    select * from {{ source('raw', 'rejected_lines') }}

),

renamed as (

    select
        file_id,
        line_number,
        reason,
        column_name,
        raw_line

    from source

)

select * from renamed
