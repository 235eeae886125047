#pragma once

namespace quipu {

/// Tells the C library's allocator to give large pieces back to the system as soon as they are freed, and to keep few
/// heaps. Its own way learns from the first large piece that is freed to keep them all: after ten million new counters
/// had gone to the store, 390 MB were held that nothing used. Call once, before threads are made.
void tune_allocator();

/// Gives back to the system what is free between what is used. Takes milliseconds, during which allocations wait.
void release_free_memory();

}  // namespace quipu
