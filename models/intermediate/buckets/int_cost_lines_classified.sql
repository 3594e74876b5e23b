-- One row per line of a cost export that charges something, with the one use that is
-- made of it and what its line item stands for.

with

cost_lines as (

    select * from {{ ref('stg_provider__cost_buckets') }}
    where is_filled

),

line_groups as (

    select * from {{ ref('int_bucket_lines_classified') }}
    where bucket_kind = 'costs'

),

line_items as (

    select * from {{ ref('int_line_items_split') }}

),

names as (

    select * from {{ ref('int_models_named') }}

),

placed as (

    select
        cost_lines.*,
        line_groups.issuer,
        line_groups.load_number,
        line_groups.loaded_at,
        line_groups.line_use,
        line_groups.is_itemised_day,
        line_items.item,
        line_items.billed_model,
        line_items.modality,
        coalesce(line_items.charge_kind, 'usage') as charge_kind,
        -- beside named items a line that names none is not understood; alone it is all
        case
            when line_items.token_class is not null then line_items.token_class
            when line_groups.is_itemised_day then 'unmapped'
            else 'all'
        end as token_class
    from cost_lines
    left join line_groups
        on
            cost_lines.file_id = line_groups.file_id
            and cost_lines.bucket_start = line_groups.bucket_start
            and cost_lines.bucket_end = line_groups.bucket_end
            and cost_lines.project_id is not distinct from line_groups.project_id
            and cost_lines.organization_id
            is not distinct from line_groups.organization_id
    left join line_items
        on cost_lines.line_item = line_items.line_item

),

named as (

    select
        placed.*,
        case
            when placed.is_itemised_day
                then coalesce(names.model, placed.item, '(unmapped)')
            else '(all)'
        end as model
    from placed
    left join names
        on placed.billed_model = names.model_written

),

-- 59.2 of `1k tokens` are 59,200 tokens
measured as (

    select
        *,
        case
            when quantity_unit like '1m%' then 1000000
            when quantity_unit like '1k%' or quantity_unit like '1000 %' then 1000
            else 1
        end as unit_factor,
        trim(regexp_replace(quantity_unit, '^(1m|1k|1000)[ _-]*', ''))
            as counted_unit
    from named

),

classified as (

    select
        file_id,
        line_number,
        load_number,
        loaded_at,
        issuer,
        usage_date,
        {{ project_key('project_id') }} as project_id,
        line_item,
        charge_kind,
        modality,
        token_class,
        model,
        not is_itemised_day as is_ungrouped,
        amount_usd,
        -- beyond this it is no quantity of a day, and its sums would not fit
        cast(
            case
                when abs(quantity * unit_factor) < 1000000000000000
                    then quantity * unit_factor
            end
            as decimal(38, 18)
        ) as quantity,
        case
            when quantity is not null and token_class like '%put%'
                then coalesce(counted_unit, 'tokens')
            else counted_unit
        end as quantity_unit,
        line_use
    from measured

)

select * from classified
