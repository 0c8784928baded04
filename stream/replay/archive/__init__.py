"""Topic ranges kept as partitioned Parquet, so that history outlives retention."""
