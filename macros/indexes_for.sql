{#
    An index on the columns where the engine finds days by it. DuckDB keeps the least and the
    greatest value of every block of rows, and would only hold an index in memory.
#}
{% macro indexes_for(columns) %}
    {{ return([{'columns': columns}] if target.type == 'postgres' else []) }}
{% endmacro %}
