-- The schema `raw`: what the loader writes and the dbt sources read. Times are UTC, money is USD.
-- Only types that DuckDB and Postgres spell the same way.

create schema if not exists raw;

create table if not exists raw.loaded_files (
    file_id text primary key,
    load_number bigint not null,
    file_name text not null,
    format text not null,
    grain text not null,
    issuer text,
    byte_count bigint not null,
    line_count bigint not null,
    accepted_line_count bigint not null,
    rejected_line_count bigint not null,
    accepted_usd decimal(30, 18) not null,
    first_at timestamp,
    last_at timestamp,
    loaded_at timestamp not null
);

create table if not exists raw.rejected_lines (
    file_id text not null,
    line_number bigint not null,
    reason text not null,
    column_name text,
    raw_line text
);

create table if not exists raw.billed_requests (
    file_id text not null,
    line_number bigint not null,
    request_id text,
    billed_at timestamp,
    model text,
    input_tokens bigint,
    cached_input_tokens bigint,
    cache_write_tokens bigint,
    output_tokens bigint,
    reasoning_tokens bigint,
    total_tokens bigint,
    cost_usd decimal(30, 18),
    fee_usd decimal(30, 18),
    endpoint text,
    request_status text,
    service_tier text,
    is_batch boolean,
    region text
);

create table if not exists raw.cost_buckets (
    file_id text not null,
    line_number bigint not null,
    bucket_start timestamp,
    bucket_end timestamp,
    amount_usd decimal(30, 18),
    line_item text,
    quantity decimal(30, 18),
    quantity_unit text,
    project_id text,
    api_key_id text,
    user_id text,
    organization_id text
);

create table if not exists raw.usage_buckets (
    file_id text not null,
    line_number bigint not null,
    bucket_start timestamp,
    bucket_end timestamp,
    usage_kind text,
    model text,
    project_id text,
    api_key_id text,
    user_id text,
    organization_id text,
    is_batch boolean,
    service_tier text,
    request_count bigint,
    input_tokens bigint,
    cached_input_tokens bigint,
    cache_write_tokens bigint,
    output_tokens bigint,
    input_audio_tokens bigint,
    output_audio_tokens bigint,
    input_image_tokens bigint,
    output_image_tokens bigint,
    seconds bigint,
    characters bigint,
    images bigint,
    sessions bigint,
    bytes bigint
);

create table if not exists raw.token_usage (
    id text not null,
    user_id text,
    action_type text,
    model_used text,
    tokens_used bigint,
    input_tokens bigint,
    output_tokens bigint,
    cached_input_tokens bigint,
    cache_write_tokens bigint,
    reasoning_tokens bigint,
    audio_seconds decimal(18, 6),
    success boolean,
    error_message text,
    created_at timestamp,
    calculated_cost_cents decimal(30, 18),
    openai_request_id text,
    openai_created timestamp,
    system_fingerprint text,
    service_tier text,
    is_batch boolean,
    is_cache_hit boolean,
    region text,
    project_id text,
    api_key_id text,
    file_id text,
    line_number bigint
);
