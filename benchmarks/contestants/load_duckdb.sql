-- Both files and the four seeds into typed tables, the way DuckDB reads CSV fastest.

create schema raw;

create table raw.bill as
select *, row_number() over () + 1 as line_number
from read_csv('{bill}', header = true, auto_detect = false, nullstr = '', columns = {
    'request_id': 'varchar', 'billed_at': 'timestamp', 'model': 'varchar',
    'input_tokens': 'bigint', 'cached_tokens': 'bigint', 'output_tokens': 'bigint',
    'total_tokens': 'bigint', 'cost_usd': 'decimal(30, 18)', 'endpoint': 'varchar',
    'status': 'varchar', 'service_tier': 'varchar', 'is_batch': 'boolean'
});

create table raw.log as
select *, row_number() over () + 1 as line_number
from read_csv('{log}', header = true, auto_detect = false, nullstr = '', columns = {
    'id': 'varchar', 'user_id': 'varchar', 'action_type': 'varchar', 'model_used': 'varchar',
    'tokens_used': 'bigint', 'input_tokens': 'bigint', 'output_tokens': 'bigint',
    'cached_input_tokens': 'bigint', 'success': 'boolean', 'created_at': 'timestamp',
    'calculated_cost_cents': 'decimal(30, 18)', 'openai_request_id': 'varchar',
    'service_tier': 'varchar', 'is_batch': 'boolean'
});

create table raw.price_list as
select * from read_csv('{seeds}/ai_model_pricing.csv', types = {
    'effective_from': 'timestamp', 'min_input_tokens': 'bigint',
    'input_price_per_1m': 'decimal(18, 6)', 'cached_input_price_per_1m': 'decimal(18, 6)',
    'cache_write_price_per_1m': 'decimal(18, 6)', 'output_price_per_1m': 'decimal(18, 6)'
});

create table raw.aliases as select * from read_csv('{seeds}/model_aliases.csv');

create table raw.hypotheses as
select * from read_csv('{seeds}/pricing_hypotheses.csv', types = {
    'min_input_tokens': 'bigint', 'uncached': 'decimal(6, 3)', 'cached': 'decimal(6, 3)',
    'cached_at_input_price': 'decimal(6, 3)', 'cache_write': 'decimal(6, 3)',
    'cache_write_at_input_price': 'decimal(6, 3)', 'output': 'decimal(6, 3)',
    'reasoning': 'decimal(6, 3)', 'factor': 'decimal(12, 6)', 'fee': 'decimal(6, 3)'
});

create table raw.tiers as
select * from read_csv('{seeds}/service_tiers.csv', types = {
    'multiplier': 'decimal(9, 6)', 'valid_from': 'timestamp', 'valid_to': 'timestamp'
});

create table raw.non_calls as select * from read_csv('{seeds}/non_api_actions.csv');

create table raw.files as
select '{bill_name}' as file_name, {bill_bytes} as byte_count, 'request' as grain,
    cast(now() at time zone 'UTC' as timestamp) as loaded_at
union all
select '{log_name}', {log_bytes}, 'usage_log', cast(now() at time zone 'UTC' as timestamp);
