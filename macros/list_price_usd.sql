{#
    List price of a call in USD from its tokens and a row of int_prices_in_force.
    A class without tokens needs no price; unknown tokens or a missing price make it null.
    Beyond a trillion tokens (no call has as many) the product would not fit, so it is null too.
#}
{% macro list_price_usd(call, price) %}
case
    when
        {{ price }}.model_name is not null
        and {{ call }}.input_tokens < 1000000000000
        and {{ call }}.output_tokens < 1000000000000
        and coalesce({{ call }}.cached_input_tokens, 0) < 1000000000000
        and coalesce({{ call }}.cache_write_tokens, 0) < 1000000000000
        then cast(
            {{ token_cost_usd(
                call ~ '.input_tokens - coalesce(' ~ call ~ '.cached_input_tokens, 0)'
                ~ ' - coalesce(' ~ call ~ '.cache_write_tokens, 0)',
                price ~ '.usd_per_input_token'
            ) }}
            + {{ token_cost_usd(
                'coalesce(' ~ call ~ '.cached_input_tokens, 0)',
                price ~ '.usd_per_cached_input_token'
            ) }}
            + {{ token_cost_usd(
                'coalesce(' ~ call ~ '.cache_write_tokens, 0)',
                price ~ '.usd_per_cache_write_token'
            ) }}
            + {{ token_cost_usd(call ~ '.output_tokens', price ~ '.usd_per_output_token') }}
            as decimal(30, 18)
        )
end
{%- endmacro %}

{# DuckDB multiplies decimals of up to 18 digits in 64 bits, which a million dollars overflow: so 19. #}
{% macro token_cost_usd(tokens, usd_per_token) -%}
case
    when {{ tokens }} = 0 then 0
    else cast({{ tokens }} as decimal(19, 0)) * {{ usd_per_token }}
end
{%- endmacro %}
