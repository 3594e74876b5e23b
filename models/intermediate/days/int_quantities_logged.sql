-- One row per UTC day, project, model and token class of the log, with its tokens.

with

calls as (

    select * from {{ ref('int_calls_summed_by_day') }}

),

measures as (

    select * from {{ ref('usage_measures') }}

),

measured as (

    select
        calls.usage_date,
        calls.project_id,
        calls.model,
        measures.token_class,
        measures.quantity_unit,
        case measures.measure
            when 'uncached_input_tokens' then calls.uncached_input_tokens
            when 'cached_input_tokens' then calls.cached_input_tokens
            when 'cache_write_tokens' then calls.cache_write_tokens
            when 'text_output_tokens' then calls.output_tokens
        end as quantity
    from calls
    cross join measures

)

select * from measured
where quantity is not null
