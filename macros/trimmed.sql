{#
    The text without the blanks around it; null where nothing else is there. The loader stores
    texts so: looking for a blank costs a tenth of trimming.
#}
{% macro trimmed(text) -%}
case
    when {{ text }} like ' %' or {{ text }} like '% ' or {{ text }} = ''
        then nullif(trim({{ text }}), '')
    else {{ text }}
end
{%- endmacro %}
