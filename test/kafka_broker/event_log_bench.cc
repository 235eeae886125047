#include <gtest/gtest.h>

#include "contract/event_log_contract.h"
#include "kafka_broker/kafka_world.h"

namespace quipu::testing_contract {
namespace {

using namespace testing_kafka;

class KafkaBench final : public LogBench {
 public:
  KafkaBench() {
    options_.pending_bytes = std::size_t{256} << 10;
    reopen();
  }
  ~KafkaBench() override {
    log_.reset();
    Administrator(options_.brokers).remove(options_.topic);
  }
  EventLog& log() override { return *log_; }
  void reopen() override {
    if (log_) options_.known = log_->identity();
    log_.reset();
    log_ = open_log(options_);
  }
  void wait() override { wakes_.wait(); }
  LogIdentity identity() const override { return log_->identity(); }

 private:
  Wakes wakes_;
  KafkaOptions options_ = test_options(wakes_);
  std::unique_ptr<KafkaLog> log_;
};

}  // namespace

std::vector<LogUnderTest> logs_under_test() {
  return {{"Kafka", [] { return std::make_unique<KafkaBench>(); }}};
}

}  // namespace quipu::testing_contract
