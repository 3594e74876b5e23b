-- One row per UTC day, project and model on which a usage export of the model's kind
-- covers the whole day, so that a model without rows was not used.

with

usage_lines as (

    select * from {{ ref('int_usage_lines_classified') }}
    where is_call

),

names as (

    select * from {{ ref('int_models_named') }}

),

usage_kinds as (

    select * from {{ ref('usage_kinds') }}
    where is_call

),

covered_days as (

    select * from {{ ref('int_bucket_days_covered') }}
    where is_whole_day

),

reported_kinds as (

    select distinct
        model,
        usage_kind
    from usage_lines
    where model is not null

),

-- an export that names no model counts all of them
unnamed_days as (

    select distinct
        usage_date,
        project_id
    from usage_lines
    where line_use = 'counted' and not is_itemised_day

),

-- a model that was never reported is of the kind whose longest pattern fits its name
likely_kinds as (

    select
        names.model,
        usage_kinds.usage_kind,
        row_number() over (
            partition by names.model
            order by length(usage_kinds.model_pattern) desc, usage_kinds.usage_kind asc
        ) as fit_number
    from names
    inner join usage_kinds
        on names.model like usage_kinds.model_pattern
    left join reported_kinds
        on names.model = reported_kinds.model
    where reported_kinds.model is null

),

model_kinds as (

    select
        model,
        usage_kind
    from reported_kinds

    union

    select
        model,
        usage_kind
    from likely_kinds
    where fit_number = 1

    union

    select
        '(all)' as model,
        usage_kind
    from usage_kinds

    union

    select
        '(none)' as model,
        usage_kind
    from usage_kinds
    where model_pattern = '%'

),

known as (

    select distinct
        covered_days.usage_date,
        covered_days.project_id,
        model_kinds.model
    from covered_days
    inner join model_kinds
        on covered_days.bucket_kind = model_kinds.usage_kind
    left join unnamed_days
        on
            covered_days.usage_date = unnamed_days.usage_date
            and covered_days.project_id = unnamed_days.project_id
            and model_kinds.model <> '(all)'
    where unnamed_days.usage_date is null

)

select * from known
