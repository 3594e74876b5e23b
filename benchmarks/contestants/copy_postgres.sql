-- The limit of loading: both files by \copy into plain tables of the raw types, nothing else.

create schema plain;

create table plain.bill (
    request_id text, billed_at timestamp, model text, input_tokens bigint,
    cached_tokens bigint, output_tokens bigint, total_tokens bigint,
    cost_usd decimal(30, 18), endpoint text, status text, service_tier text, is_batch boolean
);
\copy plain.bill from '{bill}' (format csv, header)

create table plain.log (
    id text, user_id text, action_type text, model_used text, tokens_used bigint,
    input_tokens bigint, output_tokens bigint, cached_input_tokens bigint, success boolean,
    created_at timestamp, calculated_cost_cents decimal(30, 18), openai_request_id text,
    service_tier text, is_batch boolean
);
\copy plain.log from '{log}' (format csv, header)
