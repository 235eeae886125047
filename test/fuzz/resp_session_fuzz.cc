#include <gtest/gtest.h>
#include <hiredis/read.h>

#include <cstdint>
#include <memory>
#include <string>

#include "engine/world.h"
#include "fuzz/fuzz.h"
#include "resp/paired_replies.h"
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
  bool closing() const { return session_->closing(); }
  std::uint64_t accepted() const { return engine->stats().events_accepted; }

  /// Everything that is answered.
  std::string answered() {
    std::string out;
    for (int quiet = 0; quiet < 5; ++quiet) {
      turn();
      const std::string sent(session_->output().releasable(engine->durable()));
      session_->output().consumed(sent.size());
      out += sent;
      if (!sent.empty() || session_->busy() || !session_->output().empty()) quiet = 0;
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

/// A command that counts where it is run.
constexpr std::string_view kHidden = "*2\r\n$4\r\nINCR\r\n$6\r\nhidden\r\n";

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

/// Each command has its reply, as many events are counted as these say, and a client of version 2 reads what it gets.
void check_replies(std::string_view bytes, const std::string& replies, std::uint64_t counted) {
  const PairedReplies paired(bytes, replies);
  require_same(paired.fault(), "", "each command has its reply");
  require(paired.counted() == counted, "as many events are counted as the replies say");
  require(are_replies(paired.version_2()), "a client reads the replies of version 2");
}

/// Behind bytes that ended the connection nothing is run that came with them.
void check_hidden(std::string_view bytes, const std::string& expected, std::uint64_t counted) {
  Dialogue with;
  with.arrive(std::string(bytes).append(kHidden));
  require_same(with.answered(), expected, "what stands behind the end of a connection is not answered");
  require(with.accepted() == counted, "what stands behind the end of a connection is not counted");
}

/// The replies and what is counted depend on the bytes alone, not on how they were cut; as many events are counted as
/// the replies say, and none behind the end of the connection.
void check(std::string_view bytes, std::uint8_t seed) {
  Dialogue whole;
  whole.arrive(bytes);
  const auto expected = whole.answered();
  const auto counted = whole.accepted();
  check_replies(bytes, expected, counted);
  if (whole.closing()) {
    check_hidden(bytes, expected, counted);
    whole.arrive(kHidden);
    require_same(whole.answered(), "", "what comes after the end of a connection is not answered");
    require(whole.accepted() == counted, "what comes after the end of a connection is not counted");
  }

  Dialogue pieces;
  Cuts cuts(seed);
  for (auto rest = bytes; !rest.empty();) {
    const auto piece = rest.substr(0, cuts.next());
    rest.remove_prefix(piece.size());
    pieces.arrive(piece);
  }
  require_same(pieces.answered(), expected, "cut bytes are answered alike");
  require(pieces.accepted() == counted, "cut bytes count alike");
}

/// What is hidden behind other bytes would show if it were run.
bool hidden_counts() {
  Dialogue alone;
  alone.arrive(kHidden);
  return alone.answered() == ":1\r\n" && alone.accepted() == 1;
}

}  // namespace
}  // namespace quipu::fuzz

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const bool counts = quipu::fuzz::hidden_counts();
  quipu::fuzz::require(counts, "the hidden command counts where it is run");
  quipu::fuzz::Input input(data, size);
  const auto seed = input.number<std::uint8_t>();
  quipu::fuzz::check(input.rest(), seed);
  return 0;
}
