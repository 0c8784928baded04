"""Runs stages in parallel: a few processes with a thread or two each are faster than one with all threads."""

import multiprocessing
from concurrent.futures import ProcessPoolExecutor

import torch


def crew(threads: int, jobs: int) -> ProcessPoolExecutor:
    """Return processes for ``jobs`` jobs, at most one per thread, which share ``threads`` among them."""
    workers = max(1, min(threads, jobs))
    return ProcessPoolExecutor(
        workers,
        mp_context=multiprocessing.get_context("spawn"),
        initializer=torch.set_num_threads,
        initargs=(max(1, threads // workers),),
    )
