#pragma once

#include <memory>
#include <utility>

#include "log/event_log.h"

namespace quipu {

/// A walk that also decodes the frames it gives: on the thread that reads them, so that who applies them need not.
/// kDamaged, with the offset, where a frame can not be decoded: nothing of its stretch is given then.
class DecodingScan final : public LogScan {
 public:
  explicit DecodingScan(std::unique_ptr<LogScan> scan) : scan_(std::move(scan)) {}

  Result<LogRead> next() override;
  void give_back(LogRead&& spent) override { scan_->give_back(std::move(spent)); }

 private:
  const std::unique_ptr<LogScan> scan_;
};

}  // namespace quipu
