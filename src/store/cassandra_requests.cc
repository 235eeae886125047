#include "store/cassandra_requests.h"

#include <vector>

#include "base/check.h"

namespace quipu {

void CassandraRequests::dispatch() {
  std::vector<CassandraAnswer> answers;
  session_->take(answers);
  for (const CassandraAnswer& answer : answers) {
    const auto at = handlers_.find(answer.token());
    QUIPU_CHECK(at != handlers_.end());
    const auto handler = std::move(at->second);
    handlers_.erase(at);
    repeats_ += answer.repeats();
    handler(answer);
  }
}

}  // namespace quipu
