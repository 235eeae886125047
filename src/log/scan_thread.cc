#include "log/scan_thread.h"

#include <utility>

namespace quipu {
namespace {

/// Nothing follows: an error, or the log's end.
bool is_last(const Result<LogRead>& stretch) { return !stretch || stretch->frames.empty(); }

}  // namespace

ScanThread::ScanThread(std::unique_ptr<LogScan> scan) : scan_(std::move(scan)), thread_([this] { run(); }) {}

ScanThread::~ScanThread() {
  {
    const std::scoped_lock lock(mutex_);
    stopping_ = true;
  }
  taken_.notify_one();
  thread_.join();
}

Result<LogRead> ScanThread::next() {
  std::unique_lock lock(mutex_);
  read_.wait(lock, [this] { return !waiting_.empty(); });
  if (is_last(waiting_.front())) return waiting_.front();
  auto stretch = std::move(waiting_.front());
  waiting_.pop_front();
  lock.unlock();
  taken_.notify_one();
  return stretch;
}

void ScanThread::give_back(LogRead&& spent) {
  const std::scoped_lock lock(mutex_);
  if (spent_.size() <= kWaitingMax) spent_.push_back(std::move(spent));
}

void ScanThread::run() {
  for (bool last = false; !last;) {
    auto stretch = scan_->next();
    last = is_last(stretch);
    std::unique_lock lock(mutex_);
    taken_.wait(lock, [this] { return stopping_ || waiting_.size() < kWaitingMax; });
    if (stopping_) return;
    waiting_.push_back(std::move(stretch));
    LogRead spent;
    if (!spent_.empty()) {
      spent = std::move(spent_.back());
      spent_.pop_back();
    }
    lock.unlock();
    read_.notify_one();
    scan_->give_back(std::move(spent));
  }
}

}  // namespace quipu
