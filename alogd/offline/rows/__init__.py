"""Log files in, one row a record out: parsed.parquet."""
