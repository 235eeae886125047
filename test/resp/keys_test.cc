#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "engine/world.h"
#include "resp/commands.h"
#include "resp/session.h"

namespace quipu {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

constexpr const char* kIngestKey = "ingest-ingest-ingest-ingest";
constexpr const char* kReadKey = "read-read-read-read-read-read";
constexpr const char* kAdminKey = "admin-admin-admin-admin-admin";
constexpr const char* kNoAuth = "-NOAUTH Authentication required.\r\n";
constexpr const char* kWrongPass = "-WRONGPASS invalid username-password pair or user is disabled.\r\n";

/// A service that asks for keys, and one connection to it without a socket.
class RespKeys : public World, public testing::Test {
 public:
  RespKeys() {
    log_options.segment_bytes = std::size_t{8} << 20;
    const auto text = std::string("ingest ") + kIngestKey + "\nread " + kReadKey + "\nadmin " + kAdminKey;
    EXPECT_TRUE(keys_.add(text, "keys"));
  }

  void serve() {
    start();
    context_ = std::make_unique<RespContext>(RespContext{.service = *engine,
                                                         .limits = limits,
                                                         .namespaces = {},
                                                         .version = "1.2.3",
                                                         .connections = [] { return std::uint64_t{1}; },
                                                         .keys = &keys_});
    connect();
  }
  void connect() { session_ = std::make_unique<RespSession>(*context_); }

  /// What comes back for these bytes.
  std::string say(const std::string& bytes) {
    input_ = bytes;
    std::string out;
    for (int quiet = 0; quiet < 5; ++quiet) {
      if (!session_->busy()) input_.erase(0, session_->receive(input_));
      turn();
      const std::string sent(session_->output().releasable(engine->durable()));
      session_->output().consumed(sent.size());
      out += sent;
      if (!sent.empty() || session_->busy()) quiet = 0;
    }
    return out;
  }
  std::string login(const std::string& key) { return say("AUTH " + key + "\r\n"); }
  bool closing() const { return session_->closing(); }

  NetLimits limits;

 private:
  ApiKeys keys_{ApiKeys::Secret{3}};
  std::unique_ptr<RespContext> context_;
  std::unique_ptr<RespSession> session_;
  std::string input_;
};

/// A line with arguments of the number and kind that the command takes.
std::string line_of(const RespCommandInfo& info) {
  std::string line(info.name);
  const auto size = info.arity < 0 ? -info.arity : info.arity;
  if (info.command == RespCommand::kIncrbyId) return line + " c 1 ID t\r\n";
  for (int i = 1; i < size; ++i) line += i == 1 ? " c" : " 1";
  return line + "\r\n";
}

TEST_F(RespKeys, EachCommandSaysWhatItNeeds) {
  for (const RespCommandInfo& info : resp_commands()) {
    EXPECT_NE(info.need, RespNeed::kUnset) << info.name;
    const bool open = info.command == RespCommand::kAuth || info.command == RespCommand::kHello ||
                      info.command == RespCommand::kQuit || info.command == RespCommand::kReset;
    EXPECT_EQ(info.need == RespNeed::kNothing, open) << info.name;
    EXPECT_EQ(info.writes, info.need == RespNeed::kIngest || info.need == RespNeed::kAdmin) << info.name;
    EXPECT_EQ(info.reads, info.need == RespNeed::kRead) << info.name;
  }
}

TEST_F(RespKeys, EveryCommandAsksForItsRight) {
  serve();
  for (const RespCommandInfo& info : resp_commands()) {
    if (info.need == RespNeed::kNothing) continue;
    connect();
    const auto line = line_of(info);
    EXPECT_THAT(say(line), HasSubstr("NOAUTH Authentication required.")) << line;
    for (const auto& [key, allowed] :
         {std::pair{kIngestKey, RespNeed::kIngest}, {kReadKey, RespNeed::kRead}, {kAdminKey, RespNeed::kAdmin}}) {
      connect();
      EXPECT_EQ(login(key), "+OK\r\n");
      const auto refused =
          "-NOPERM this user has no permissions to run the '" + std::string(info.name) + "' command\r\n";
      const auto answer = say(line);
      EXPECT_EQ(answer == refused, info.need != RespNeed::kKey && info.need != allowed) << line << " with " << key;
      EXPECT_EQ(answer.find("NOAUTH"), std::string::npos) << line;
    }
  }
}

TEST_F(RespKeys, TakesAKeyAsRedisTakesAPassword) {
  serve();
  EXPECT_EQ(say("AUTH nonsense\r\n"), kWrongPass);
  EXPECT_EQ(say("AUTH default nonsense\r\n"), kWrongPass);
  EXPECT_EQ(say("INCR c\r\n"), kNoAuth);
  EXPECT_EQ(say(std::string("AUTH ") + kIngestKey + "\r\nINCR c\r\n"), "+OK\r\n:1\r\n");
  connect();
  EXPECT_EQ(say(std::string("AUTH default ") + kIngestKey + "\r\nINCR c\r\n"), "+OK\r\n:2\r\n");
  connect();
  EXPECT_EQ(say(std::string("AUTH anyone ") + kIngestKey + "\r\nINCR c\r\n"), "+OK\r\n:3\r\n");
  EXPECT_EQ(login("nonsense"), kWrongPass);
  EXPECT_EQ(say("INCR c\r\n"), ":4\r\n");  // As in Redis, the key before stays.
  EXPECT_EQ(say("AUTH a b c\r\n"), "-ERR syntax error\r\n");
}

TEST_F(RespKeys, HelloTakesAKeyAndTellsNothingWithoutOne) {
  serve();
  EXPECT_THAT(say("HELLO 3\r\n"), StartsWith("-NOAUTH HELLO must be called with the client already authenticated"));
  EXPECT_EQ(say("PING\r\n"), kNoAuth);
  EXPECT_EQ(say("HELLO 3 AUTH default nonsense\r\n"), kWrongPass);
  EXPECT_THAT(say(std::string("HELLO 3 AUTH default ") + kReadKey + "\r\n"), StartsWith("%7\r\n"));
  EXPECT_EQ(say("GET none\r\n"), "_\r\n");
  EXPECT_THAT(say("HELLO 2\r\n"), StartsWith("*14\r\n"));
}

TEST_F(RespKeys, ResetDropsTheKey) {
  serve();
  EXPECT_EQ(login(kReadKey), "+OK\r\n");
  EXPECT_EQ(say("GET c\r\n"), "$-1\r\n");
  EXPECT_EQ(say("RESET\r\nGET c\r\n"), std::string("+RESET\r\n") + kNoAuth);
}

TEST_F(RespKeys, AnotherKeyReplacesTheRights) {
  serve();
  EXPECT_EQ(login(kIngestKey), "+OK\r\n");
  EXPECT_EQ(say("INCR c\r\n"), ":1\r\n");
  EXPECT_EQ(login(kReadKey), "+OK\r\n");
  EXPECT_THAT(say("INCR c\r\n"), StartsWith("-NOPERM"));
  EXPECT_EQ(say("GET c\r\n"), "$1\r\n1\r\n");
}

TEST_F(RespKeys, WhoCountsTakesNothingAway) {
  serve();
  EXPECT_EQ(login(kIngestKey), "+OK\r\n");
  EXPECT_EQ(say("INCRBY c 5\r\n"), ":5\r\n");
  EXPECT_THAT(say("INCRBY c -1\r\n"), StartsWith("-NOPERM"));
  EXPECT_THAT(say("Q.INCRBY c -1 ID t\r\n"), StartsWith("-NOPERM"));
  EXPECT_THAT(say("DECRBY c -1\r\n"), StartsWith("-NOPERM"));
  EXPECT_EQ(say("MULTI\r\nINCRBY c -1\r\nINCR c\r\nEXEC\r\n"),
            "+OK\r\n+QUEUED\r\n+QUEUED\r\n*2\r\n-NOPERM this user has no permissions to run the 'incrby' command\r\n"
            ":6\r\n");
  EXPECT_THAT(say("MULTI\r\nSET c 1\r\nEXEC\r\n"), HasSubstr("-EXECABORT"));
  EXPECT_EQ(say("INCR c\r\n"), ":7\r\n");
}

TEST_F(RespKeys, BeforeTheKeyLittleMayBeDeclared) {
  serve();
  EXPECT_EQ(say("*11\r\n"), "-ERR Protocol error: unauthenticated multibulk length\r\n");
  EXPECT_TRUE(closing());
  connect();
  EXPECT_EQ(say("*2\r\n$4\r\nECHO\r\n$16385\r\n"), "-ERR Protocol error: unauthenticated bulk length\r\n");
  EXPECT_TRUE(closing());
  connect();
  EXPECT_EQ(say("*2\r\n$4\r\nECHO\r\n$16384\r\n" + std::string(16384, 'x') + "\r\n"), kNoAuth);
  EXPECT_EQ(say("*10\r\n$4\r\nMGET\r\n" +
                [] {
                  std::string rest;
                  for (int i = 0; i < 9; ++i) rest += "$1\r\na\r\n";
                  return rest;
                }()),
            kNoAuth);
  EXPECT_EQ(login(kReadKey), "+OK\r\n");
  EXPECT_THAT(say("*2\r\n$4\r\nECHO\r\n$16385\r\n" + std::string(16385, 'x') + "\r\n"), StartsWith("$16385\r\n"));
}

TEST_F(RespKeys, ClosesAfterTooManyWrongKeys) {
  limits.auth_failures_max = 3;
  serve();
  EXPECT_EQ(login("one"), kWrongPass);
  EXPECT_EQ(login("two"), kWrongPass);
  EXPECT_FALSE(closing());
  EXPECT_EQ(say(std::string("AUTH three\r\nAUTH ") + kReadKey + "\r\n"), kWrongPass);
  EXPECT_TRUE(closing());
}

}  // namespace
}  // namespace quipu
