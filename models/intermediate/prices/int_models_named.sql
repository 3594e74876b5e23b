-- One row per model name as the log, a usage export or a bill writes it.
-- A table, because the names are few and every bill line and call is named by it.

{{ config(materialized='table') }}

with

written_names as (

    select logged_model as model_written
    from {{ ref('int_calls_counted') }}
    where logged_model is not null

    union

    select billed_model
    from {{ ref('int_bill_lines_counted') }}
    where billed_model is not null

    union

    select reported_model
    from {{ ref('stg_provider__usage_buckets') }}
    where reported_model is not null

    union

    select billed_model
    from {{ ref('int_line_items_split') }}
    where billed_model is not null

),

aliases as (

    select * from {{ ref('model_aliases') }}

),

priced_names as (

    select distinct model_name from {{ ref('ai_model_pricing') }}

),

without_vendor as (

    select
        model_written,
        regexp_replace(model_written, '^.*/', '') as model_name
    from written_names

),

-- ft:base:org:name:id in the API and ft-base on a bill are the same fine-tuned base
without_date as (

    select
        model_written,
        model_name,
        case
            when model_name like 'ft:%' then 'ft:'
            when model_name like 'ft-%' then 'ft:'
            else ''
        end
        || regexp_replace(
            case
                when model_name like 'ft:%' then split_part(model_name, ':', 2)
                when model_name like 'ft-%' then substring(model_name, 4)
                else model_name
            end,
            '-[0-9]{4}-[0-9]{2}-[0-9]{2}$',
            ''
        ) as undated_name
    from without_vendor

),

renamed as (

    select
        without_date.model_written,
        without_date.model_name,
        coalesce(as_written.model_name, as_named.model_name, as_undated.model_name)
            as aliased_name,
        regexp_replace(
            coalesce(
                as_written.model_name,
                as_named.model_name,
                as_undated.model_name,
                without_date.undated_name
            ),
            '-[0-9]{4}-[0-9]{2}-[0-9]{2}$',
            ''
        ) as model
    from without_date
    left join aliases as as_written
        on without_date.model_written = as_written.alias
    left join aliases as as_named
        on without_date.model_name = as_named.alias
    left join aliases as as_undated
        on without_date.undated_name = as_undated.alias

),

-- the fullest name that the list knows; never a prefix: gpt-5.2-pro is not gpt-5.2
priced as (

    select
        renamed.model_written,
        renamed.model,
        coalesce(
            by_written.model_name,
            by_name.model_name,
            by_alias.model_name,
            by_model.model_name
        ) as price_model_name
    from renamed
    left join priced_names as by_written
        on renamed.model_written = by_written.model_name
    left join priced_names as by_name
        on renamed.model_name = by_name.model_name
    left join priced_names as by_alias
        on renamed.aliased_name = by_alias.model_name
    left join priced_names as by_model
        on renamed.model = by_model.model_name

)

select * from priced
