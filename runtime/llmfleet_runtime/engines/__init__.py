"""The engines: a table, and for each engine one pure module. Nothing else knows the name of one."""
