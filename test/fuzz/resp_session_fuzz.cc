#include <gtest/gtest.h>
#include <hiredis/read.h>

#include <memory>
#include <string>

#include "engine/world.h"
#include "fuzz/fuzz.h"
#include "resp/session.h"

namespace quipu::fuzz {
namespace {

/// A service and one connection, as unit tests have them.
class Dialogue : public World {
 public:
  Dialogue() {
    testing::GTEST_FLAG(throw_on_failure) = true;
    log_options.segment_bytes = std::size_t{256} << 10;
    start();
    context_ = std::make_unique<RespContext>(
        RespContext{.service = *engine, .limits = {}, .namespaces = {"views"}, .version = "1.2.3", .connections = [] {
                      return std::uint64_t{1};
                    }});
    session_ = std::make_unique<RespSession>(*context_);
  }

  void arrive(std::string_view bytes) {
    waiting_.append(bytes);
    offer();
  }
  /// Everything that is answered.
  std::string answered() {
    std::string out;
    for (int quiet = 0; quiet < 5; ++quiet) {
      turn();
      const std::string sent(session_->output().releasable(engine->durable()));
      session_->output().consumed(sent.size());
      out += sent;
      if (!sent.empty() || session_->busy()) quiet = 0;
      offer();
    }
    return out;
  }

 private:
  /// What was not used is offered again, somewhere else in memory, and stays there while the session is busy.
  void offer() {
    if (session_->busy()) return;
    offered_ = std::make_unique<std::string>(waiting_);
    waiting_.erase(0, session_->receive(*offered_));
  }

  std::unique_ptr<RespContext> context_;
  std::unique_ptr<RespSession> session_;
  std::string waiting_;
  std::unique_ptr<std::string> offered_;
};

/// Whether the reader of hiredis finds whole replies and nothing else: the second opinion, of protocol 2.
bool are_replies(const std::string& bytes) {
  const std::unique_ptr<redisReader, void (*)(redisReader*)> reader(redisReaderCreateWithFunctions(nullptr),
                                                                    redisReaderFree);
  if (redisReaderFeed(reader.get(), bytes.data(), bytes.size()) != REDIS_OK) return false;
  void* reply = nullptr;
  while (reader->pos < reader->len) {
    if (redisReaderGetReply(reader.get(), &reply) != REDIS_OK || reply == nullptr) return false;
  }
  return true;
}

/// The replies and what is counted depend on the bytes alone, not on how they were cut.
void check(std::string_view bytes, std::uint8_t seed) {
  Dialogue whole;
  whole.arrive(bytes);
  const auto expected = whole.answered();
  const bool protocol_3 = expected.find('%') != expected.npos || bytes.find('3') != bytes.npos;
  require(protocol_3 || are_replies(expected), "a client reads the replies");

  Dialogue pieces;
  Cuts cuts(seed);
  for (auto rest = bytes; !rest.empty();) {
    const auto piece = rest.substr(0, cuts.next());
    rest.remove_prefix(piece.size());
    pieces.arrive(piece);
  }
  require_same(pieces.answered(), expected, "cut bytes are answered alike");
  require(pieces.engine->stats().events_accepted == whole.engine->stats().events_accepted, "cut bytes count alike");
}

}  // namespace
}  // namespace quipu::fuzz

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  quipu::fuzz::Input input(data, size);
  const auto seed = input.number<std::uint8_t>();
  quipu::fuzz::check(input.rest(), seed);
  return 0;
}
