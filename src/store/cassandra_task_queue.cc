#include "store/cassandra_task_queue.h"

#include <algorithm>
#include <iterator>

#include "base/planted.h"

namespace quipu {
namespace {

constexpr std::int64_t kRetryMs = 1'000;

}  // namespace

void CassandraTaskQueue::give(CassandraTask task, StoreCompletion::Kind kind, std::uint64_t token, std::size_t bytes) {
  ++pending_;
  task.completion.kind = kind;
  task.completion.token = token;
  if (queue_.size() >= options_.tasks_max || (waiting_bytes_ > 0 && waiting_bytes_ + bytes > options_.bytes_max)) {
    task.what = CassandraRefused{};
    task.completion.result = busy("the store has too many requests waiting", kRetryMs);
    bytes = 0;
  }
  task.bytes = bytes;
  waiting_bytes_ += bytes;
  queue_.push_back(std::make_shared<CassandraTask>(std::move(task)));
  advance();
}

void CassandraTaskQueue::take_completions(std::vector<StoreCompletion>& out) {
  for (const StoreCompletion& completion : completions_) {
    if (completion.kind != StoreCompletion::Kind::kForgot) --pending_;
  }
  std::move(completions_.begin(), completions_.end(), std::back_inserter(out));
  completions_.clear();
}

void CassandraTaskQueue::advance() {
  bool moved = true;
  while (moved) {
    moved = false;
    while (!queue_.empty() && queue_.front()->stage == Stage::kDone) {
      complete(*queue_.front());
      queue_.pop_front();
      --started_;
      moved = true;
    }
    if (!queue_.empty() && queue_.front()->stage == Stage::kStored) {
      queue_.front()->stage = Stage::kRunning;
      options_.write_marks(queue_.front());
      moved = true;
    }
    moved = start_next() || moved;
  }
}

bool CassandraTaskQueue::start_next() {
  if (started_ == queue_.size()) return false;
  const CassandraTaskPtr task = queue_[started_];
  if (std::holds_alternative<CassandraBaseTask>(task->what)) {
    if (started_ > 0) return false;
    queue_.pop_front();
    making_.push_back(task);
    options_.begin(task);
    return true;
  }
  if (std::holds_alternative<CassandraRefused>(task->what)) {
    task->stage = Stage::kDone;
    ++started_;
    return true;
  }
  if (task->is_read() ? running_writes_ > 0 : running_reads_ > 0) return false;
  if (options_.one_write && running_writes_ > 0) return false;
  ++(task->is_read() ? running_reads_ : running_writes_);
  ++started_;
  task->stage = Stage::kRunning;
  options_.begin(task);
  return true;
}

void CassandraTaskQueue::finish(const CassandraTaskPtr& task, Result<void> result) {
  --(task->is_read() ? running_reads_ : running_writes_);
  task->stage = Stage::kDone;
  task->completion.result = std::move(result);
  if (task->completion.result || task->is_read()) return;
  // What was given behind it counts on it: rows below a watermark, sources below newer ones.
  for (auto behind = std::ranges::find(queue_, task); behind != queue_.end(); ++behind) (*behind)->overtaken = true;
}

void CassandraTaskQueue::finish_base(const CassandraTaskPtr& task, Result<void> result) {
  task->completion.result = std::move(result);
  std::erase(making_, task);
  complete(*task);
}

void CassandraTaskQueue::complete(CassandraTask& task) {
  waiting_bytes_ -= task.bytes;
  completions_.push_back(std::move(task.completion));
}

void CassandraTaskQueue::forgot() {
  QUIPU_MARK("store: a node may have forgotten");
  for (const CassandraTaskPtr& task : queue_) task->overtaken = true;
  for (const CassandraTaskPtr& task : making_) task->overtaken = true;
  StoreCompletion completion;
  completion.kind = StoreCompletion::Kind::kForgot;
  completions_.push_back(std::move(completion));
}

}  // namespace quipu
