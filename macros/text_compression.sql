{#
    A hook. Of the time that DuckDB takes to write a text with about as many values as rows, two
    thirds are its compression; a table that only the next steps read can do without.
#}
{% macro text_compression(is_on) %}
{% if target.type == 'duckdb' %}
set disabled_compression_methods = '{{ "" if is_on else "dict_fsst" }}'
{% endif %}
{% endmacro %}
