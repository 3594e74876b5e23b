-- Both files and the four seeds into typed tables by \copy, and what the planner must know.

create schema raw;

create table raw.bill (
    request_id text, billed_at timestamp, model text, input_tokens bigint,
    cached_tokens bigint, output_tokens bigint, total_tokens bigint,
    cost_usd decimal(30, 18), endpoint text, status text, service_tier text, is_batch boolean,
    line_number bigint generated always as identity (start with 2)
);
\copy raw.bill (request_id, billed_at, model, input_tokens, cached_tokens, output_tokens, total_tokens, cost_usd, endpoint, status, service_tier, is_batch) from '{bill}' (format csv, header)

create table raw.log (
    id text, user_id text, action_type text, model_used text, tokens_used bigint,
    input_tokens bigint, output_tokens bigint, cached_input_tokens bigint, success boolean,
    created_at timestamp, calculated_cost_cents decimal(30, 18), openai_request_id text,
    service_tier text, is_batch boolean,
    line_number bigint generated always as identity (start with 2)
);
\copy raw.log (id, user_id, action_type, model_used, tokens_used, input_tokens, output_tokens, cached_input_tokens, success, created_at, calculated_cost_cents, openai_request_id, service_tier, is_batch) from '{log}' (format csv, header)

create table raw.price_list (
    provider text, model_name text, effective_from timestamp, min_input_tokens bigint,
    input_price_per_1m decimal(18, 6), cached_input_price_per_1m decimal(18, 6),
    cache_write_price_per_1m decimal(18, 6), output_price_per_1m decimal(18, 6), source text
);
\copy raw.price_list from '{seeds}/ai_model_pricing.csv' (format csv, header)

create table raw.aliases (alias text, model_name text);
\copy raw.aliases from '{seeds}/model_aliases.csv' (format csv, header)

create table raw.hypotheses (
    hypothesis text, cause text, side text, evidence_class integer, fact text,
    min_input_tokens bigint, price_row text, uncached decimal(6, 3), cached decimal(6, 3),
    cached_at_input_price decimal(6, 3), cache_write decimal(6, 3),
    cache_write_at_input_price decimal(6, 3), output decimal(6, 3), reasoning decimal(6, 3),
    factor decimal(12, 6), fee decimal(6, 3), rounding text
);
\copy raw.hypotheses from '{seeds}/pricing_hypotheses.csv' (format csv, header)

create table raw.tiers (
    service_tier text, cause text, multiplier decimal(9, 6), valid_from timestamp,
    valid_to timestamp, source text
);
\copy raw.tiers from '{seeds}/service_tiers.csv' (format csv, header)

create table raw.non_calls (action_type text, note text);
\copy raw.non_calls from '{seeds}/non_api_actions.csv' (format csv, header)

create table raw.files as
select '{bill_name}' as file_name, {bill_bytes} as byte_count, 'request' as grain,
    cast(clock_timestamp() at time zone 'UTC' as timestamp) as loaded_at
union all
select '{log_name}', {log_bytes}, 'usage_log', cast(clock_timestamp() at time zone 'UTC' as timestamp);

analyze;
