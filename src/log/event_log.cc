#include "log/event_log.h"

namespace quipu {
namespace {

class ScanByReading final : public LogScan {
 public:
  ScanByReading(EventLog& log, Offset from, std::size_t bytes_max) : log_(log), next_(from), bytes_max_(bytes_max) {}

  Result<LogRead> next() override {
    auto read = log_.read(std::nullopt, next_, bytes_max_);
    if (read) next_ = read->next;
    return read;
  }

 private:
  EventLog& log_;
  Offset next_{};
  const std::size_t bytes_max_;
};

}  // namespace

std::unique_ptr<LogScan> EventLog::scan(Offset from, std::size_t bytes_max) {
  return std::make_unique<ScanByReading>(*this, from, bytes_max);
}

}  // namespace quipu
