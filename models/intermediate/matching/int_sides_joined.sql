-- One row per logged call, and per billed request that no log explains: both sides.

with

calls as (

    select * from {{ ref('int_calls_keyed') }}
    where {{ in_pass('usage_date') }}

),

billed_requests as (

    {{ billed_requests_in_pass() }}

),

joined as (

    select
        -- what is there
        calls.usage_id is not null as is_logged,
        billed_requests.line_number is not null as is_billed,
        coalesce(calls.is_duplicate_log, false) as is_duplicate_log,
        coalesce(calls.is_provider_call, true) as is_provider_call,
        case
            when calls.usage_id is null or billed_requests.line_number is null then null
            when calls.match_number = 0 then 'request_id'
            else 'timestamp_model'
        end as match_method,

        -- ids; the key is the request id where its number is 0
        calls.usage_id,
        coalesce(
            calls.other_request_id,
            case when calls.match_number = 0 then calls.match_text end
        ) as logged_request_id,
        coalesce(
            billed_requests.other_request_id,
            case
                when billed_requests.match_number = 0 then billed_requests.match_text
            end
        ) as id_on_bill,
        billed_requests.line_key,
        billed_requests.issuer,
        billed_requests.load_number,
        coalesce(calls.project_id, {{ project_key('null') }}) as project_id,
        calls.user_id,
        calls.action_type,

        -- times
        calls.logged_at,
        billed_requests.billed_at,
        coalesce(calls.usage_date, billed_requests.billed_date) as usage_date,

        -- models
        calls.logged_model,
        billed_requests.billed_model,
        coalesce(calls.model, billed_requests.model) as model,

        -- tokens
        calls.input_tokens as logged_input_tokens,
        calls.output_tokens as logged_output_tokens,
        billed_requests.input_tokens as billed_input_tokens,
        billed_requests.cached_input_tokens as billed_cached_input_tokens,
        billed_requests.output_tokens as billed_output_tokens,

        -- money
        calls.logged_usd,
        calls.logged_cost_basis,
        calls.listed_usd,
        billed_requests.billed_usd,
        billed_requests.is_priced_from_list,
        billed_requests.is_amount_known,

        -- what the list price is taken of; what is not billed has its price already
        billed_requests.price_model_name,
        coalesce(billed_requests.billed_at, calls.logged_at) as priced_at,
        coalesce(
            billed_requests.input_tokens, billed_requests.output_tokens
        ) is not null
            as is_priced_by_bill,
        calls.cached_input_tokens as logged_cached_input_tokens,
        calls.cache_write_tokens as logged_cache_write_tokens,
        billed_requests.cache_write_tokens as billed_cache_write_tokens
    from calls
    full outer join billed_requests
        on
            calls.match_text = billed_requests.match_text
            and calls.match_number = billed_requests.match_number

),

identified as (

    select
        *,
        case
            when is_logged then 'usage:' || usage_id
            when id_on_bill is not null then 'bill:' || issuer || ':' || id_on_bill
            else line_key
        end as reconciliation_key,
        coalesce(logged_request_id, id_on_bill) as request_id,
        case when logged_request_id <> id_on_bill then id_on_bill end
            as billed_request_id
    from joined

)

select * from identified
