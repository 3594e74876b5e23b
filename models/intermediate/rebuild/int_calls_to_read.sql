-- One row per logged call that this build reads: those of the days to read, and
-- those of other days that share a request id with one of them.
-- depends_on: {{ ref('int_days_to_read') }}
-- depends_on: {{ ref('int_request_ids_to_read') }}

with

to_read as (

    {{ rows_to_read(ref('stg_application__token_usage'), 'logged_at', 'usage_date') }}

)

select * from to_read
