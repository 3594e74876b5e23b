{#
    Amounts that are no further apart are the same: logs hold doubles, whose 16 digits end there.
#}
{% macro noise_usd() %}cast(0.000000001 as decimal(30, 18)){% endmacro %}
