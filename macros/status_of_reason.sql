{# The one status that a reason belongs to. #}
{% macro status_of_reason(reason) -%}
case
    when {{ reason }} in ('exact', 'within_percent', 'within_amount') then 'matched'
    when {{ reason }} in ('duplicate_log', 'outside_tolerance') then 'discrepancy'
    when {{ reason }} in ('no_price', 'missing_from_bill', 'awaiting_bill') then 'pending'
    when {{ reason }} in ('not_an_api_call', 'no_request_id', 'non_usage_charge')
        then 'not_applicable'
    when {{ reason }} in ('not_logged', 'not_loggable') then 'not_found'
end
{%- endmacro %}
