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
    expect_answer(exchange, answers[0], raw, names);
    ASSERT_EQ(world.session().closing(), exchange.closed);
    if (exchange.closed) world.connect();
  }
}

INSTANTIATE_TEST_SUITE_P(Files, HttpDialogue, testing::ValuesIn(dialogues()),
                         [](const auto& file) { return file.param; });

}  // namespace
}  // namespace quipu
