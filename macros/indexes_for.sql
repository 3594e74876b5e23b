{#
    An index for each of the lists of columns by which the engine finds days. DuckDB keeps the least
    and the greatest value of every block of rows, and would only hold an index in memory.
#}
{% macro indexes_for() %}
    {%- set indexes = [] -%}
    {%- for columns in varargs if target.type == 'postgres' -%}
        {%- do indexes.append({'columns': columns}) -%}
    {%- endfor -%}
    {{ return(indexes) }}
{% endmacro %}
