{#
    A hook: settings of Postgres' planner for the one model that asks for them. Of a key or a
    condition that is made up of several columns Postgres knows nothing; it guesses, and where it
    guesses wrongly a setting is the only hint it takes. The model says which guess.
#}
{% macro planned_with(settings) %}
{% if target.type == 'postgres' %}
{%- for name, value in settings.items() %}
set local {{ name }} = {{ value }};
{%- endfor %}
{% endif %}
{% endmacro %}
