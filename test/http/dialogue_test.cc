#include "http/dialogue.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "http/world.h"

namespace quipu {
namespace {

std::vector<std::string> dialogues() {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(QUIPU_SOURCE_DIR "/test/dialogue")) {
    if (entry.path().extension() == ".http") names.push_back(entry.path().stem());
  }
  std::ranges::sort(names);
  return names;
}

/// Every file of test/dialogue/*.http, against a process without sockets.
class HttpDialogue : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override { world.serve(); }
  void TearDown() override { world.disconnect(); }

  /// The answers so far, while the time goes on for those that wait.
  std::string ask(const std::string& bytes) {
    world.arrive(bytes);
    std::string out = world.settle();
    return out;
  }
  void expect_answer(const HttpExchange& exchange, const HttpAnswer& answer, const std::string& raw) {
    const auto status = raw.substr(0, raw.find("\r\n"));
    ASSERT_FALSE(exchange.answer.empty()) << "no answer is expected";
    EXPECT_EQ(status, exchange.answer[0]) << answer.body;
    std::size_t at = 1;
    for (; at < exchange.answer.size() && !exchange.answer[at].empty(); ++at) {
      const auto& line = exchange.answer[at];
      const auto name = line.substr(0, line.find(": "));
      EXPECT_TRUE(names.matches(line.substr(name.size() + 2), answer.field(name)))
          << line << " does not allow " << answer.field(name);
    }
    if (at + 1 >= exchange.answer.size()) return;
    std::string body;
    for (++at; at < exchange.answer.size(); ++at) body += exchange.answer[at];
    EXPECT_TRUE(names.matches(body, answer.body)) << body << "\ndoes not allow\n" << answer.body;
  }

  HttpWorld world;
  HttpNames names;
};

TEST_P(HttpDialogue, GoesAsWritten) {
  const auto path = QUIPU_SOURCE_DIR "/test/dialogue/" + GetParam() + ".http";
  const auto exchanges = read_http_dialogue(path);
  ASSERT_GE(exchanges.size(), 5U);
  for (const HttpExchange& exchange : exchanges) {
    SCOPED_TRACE(path + ":" + std::to_string(exchange.line));
    const auto raw = ask(http_request_bytes(exchange, names));
    const bool head = exchange.request[0].starts_with("HEAD ");
    const auto answers = split_answers(raw, {head});
    ASSERT_EQ(answers.size(), 1U) << raw;
    expect_answer(exchange, answers[0], raw);
    ASSERT_EQ(world.session().closing(), exchange.closed);
    if (exchange.closed) world.connect();
  }
}

INSTANTIATE_TEST_SUITE_P(Files, HttpDialogue, testing::ValuesIn(dialogues()),
                         [](const auto& file) { return file.param; });

}  // namespace
}  // namespace quipu
