"""From a file to typed rows in the schema `raw`: formats, source, parse, warehouse."""
