{#
    Writes the rows of a seed. dbt-spark's own macro writes an empty cell as the text None, a
    number by way of a double, and stops at a text with a quote.
#}
{% macro spark__load_csv_rows(model, agate_table) %}
{%- set types = model['config'].get('column_types', {}) -%}
{%- set statements = [] -%}
{%- for chunk in agate_table.rows | batch(get_batch_size()) -%}
{%- set sql -%}
insert into {{ this.render() }} values
{%- for row in chunk %}
    (
    {%- for column in agate_table.column_names -%}
    cast(
        {{- 'null' if row[column] is none else spark_literal(row[column]) }}
    as {{ types.get(column, adapter.convert_type(agate_table, loop.index0)) }})
    {{- ", " if not loop.last }}
    {%- endfor -%}
    ){{ "," if not loop.last }}
{%- endfor %}
{%- endset -%}
{%- do adapter.add_query(sql, abridge_sql_log=True) -%}
{%- do statements.append(sql) -%}
{%- endfor -%}
{{ return(statements[0]) }}
{% endmacro %}
