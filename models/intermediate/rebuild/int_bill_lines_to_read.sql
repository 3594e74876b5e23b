-- One row per line of a request-level bill that this build reads: those of the days
-- to read, and those of other days that share a request id with one of them.
-- depends_on: {{ ref('int_days_to_read') }}
-- depends_on: {{ ref('int_request_ids_to_read') }}

with

to_read as (

    {{ rows_to_read(ref('stg_provider__billed_requests'), 'billed_at', 'billed_date') }}

)

select * from to_read
