"""Archives: topic ranges stored as partitioned Parquet, so that history outlives retention."""
