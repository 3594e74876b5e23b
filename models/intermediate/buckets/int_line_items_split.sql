-- One row per line item as a cost export writes it: what it charges for.
-- A table, because line items are few and every cost line looks itself up in it.

{{ config(materialized='table') }}

with

written_items as (

    select distinct line_item
    from {{ ref('stg_provider__cost_buckets') }}
    where line_item is not null

),

known_items as (

    select * from {{ ref('line_items') }}

),

token_classes as (

    select * from {{ ref('line_item_classes') }}

),

priced_names as (

    select distinct model_name from {{ ref('ai_model_pricing') }}

),

without_evals as (

    select
        line_item,
        lower(line_item) like 'evals |%' as is_eval,
        trim(regexp_replace(lower(line_item), '^evals [|]', '')) as item
    from written_items

),

-- `<model>[ <modality>], <class>`: the last comma parts what is used from how
parted as (

    select
        *,
        case when item like '%,%' then trim(regexp_replace(item, ',[^,]*$', '')) end
            as head,
        case when item like '%,%' then trim(regexp_replace(item, '^.*,', '')) end
            as tail
    from without_evals

),

spoken as (

    select
        *,
        case
            when
                head like '% %'
                and regexp_replace(head, '^.* ', '') in ('text', 'audio', 'image')
                then regexp_replace(head, '^.* ', '')
            else 'text'
        end as modality
    from parted

),

named as (

    select
        *,
        trim(regexp_replace(head, ' (text|audio|image)$', '')) as head_model
    from spoken

),

-- of the patterns that fit a whole text, the longest says most
recognised as (

    select
        named.line_item,
        named.is_eval,
        named.item,
        named.head_model,
        named.modality,
        known_items.model_name as known_model,
        known_items.token_class as known_class,
        known_items.charge_kind,
        token_classes.token_class as tail_class,
        priced_names.model_name as bare_model,
        row_number() over (
            partition by named.line_item
            order by
                length(known_items.line_item_pattern) desc nulls last,
                known_items.line_item_pattern asc
        ) as fit_number
    from named
    left join known_items
        on named.item like known_items.line_item_pattern
    left join token_classes
        on
            named.tail = token_classes.class_written
            and named.modality = token_classes.modality
    left join priced_names
        on named.item = priced_names.model_name

),

split as (

    select
        line_item,
        case
            when is_eval and coalesce(charge_kind, 'usage') = 'usage' then 'evals'
            else coalesce(charge_kind, 'usage')
        end as charge_kind,
        case when tail_class is not null or known_class is null then modality end
            as modality,
        case
            when known_class is not null then known_class
            when tail_class is not null then tail_class
            when bare_model is not null then 'all'
            else 'unmapped'
        end as token_class,
        case
            when known_class is not null then known_model
            else coalesce(head_model, bare_model)
        end as billed_model,
        -- without `evals | `: what stands for a model where there is none
        item
    from recognised
    where fit_number = 1

)

select * from split
