#include "aggregate/counter_pool.h"

#include <new>
#include <utility>

#include "base/check.h"

namespace quipu {

void CounterPool::make(CounterIndex chunk) {
  Chunk& made = chunks_[chunk];
  made.counters = new (blocks_.take()) Counter[kChunk];
  for (CounterIndex i = 0; i < kChunk; ++i) {
    made.counters[i].extras = i + 1 == kChunk ? kNoCounter : chunk * kChunk + i + 1;
  }
  made.free = chunk * kChunk;
  ++chunks_in_use_;
}

CounterIndex CounterPool::take() {
  const auto chunks = static_cast<CounterIndex>(chunks_.size());
  while (lowest_ < chunks && chunks_[lowest_].counters != nullptr && chunks_[lowest_].free == kNoCounter) ++lowest_;
  if (lowest_ == chunks) {
    QUIPU_CHECK(chunks < kNoCounter / kChunk);
    chunks_.emplace_back();
  }
  if (chunks_[lowest_].counters == nullptr) make(lowest_);
  Chunk& chunk = chunks_[lowest_];
  const auto index = chunk.free;
  Counter& counter = at(index);
  chunk.free = counter.extras;
  counter.extras = kNoCounter;
  ++chunk.used;
  ++size_;
  return index;
}

void CounterPool::give_back(CounterIndex index) {
  const auto number = index / kChunk;
  Chunk& chunk = chunks_[number];
  Counter& counter = at(index);
  QUIPU_CHECK(counter.used());
  counter = Counter{};
  counter.extras = chunk.free;
  chunk.free = index;
  --chunk.used;
  --size_;
  if (number < lowest_) lowest_ = number;
  // One without any, beside another with room: it goes, and the empty ones at the end with it.
  if (chunk.used > 0 || number == lowest_) return;
  blocks_.give_back(reinterpret_cast<char*>(std::exchange(chunk.counters, nullptr)));
  chunk.free = kNoCounter;
  --chunks_in_use_;
  while (!chunks_.empty() && chunks_.back().counters == nullptr) chunks_.pop_back();
}

}  // namespace quipu
