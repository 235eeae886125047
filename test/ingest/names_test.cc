#include "ingest/names.h"

#include <gtest/gtest.h>

#include <string>

#include "event/space_table.h"

namespace quipu {
namespace {

void expect_refused(const Result<void>& result, std::string_view reason) {
  ASSERT_FALSE(result.has_value());
  EXPECT_EQ(result.error().code, Code::kRefused);
  EXPECT_NE(result.error().what.find(reason), std::string::npos) << result.error().what;
}

TEST(Names, TakeANamespaceOfLettersDigitsDashAndUnderscore) {
  for (const std::string_view name : {"a", "views", "a0", "a-b_c-9"}) EXPECT_TRUE(validate_namespace(name)) << name;
  EXPECT_TRUE(validate_namespace(std::string(63, 'z')));
}

TEST(Names, RefuseANamespaceWithTheReason) {
  expect_refused(validate_namespace(""), "is empty");
  expect_refused(validate_namespace(std::string(64, 'a')), "64 bytes");
  for (const std::string_view name : {"0a", "-a", "_a", "A"}) expect_refused(validate_namespace(name), "begin with");
  for (const std::string_view name : {"aB", "a b", "a/b", "a:b", "a\xc3\xa4"}) {
    expect_refused(validate_namespace(name), "may hold only");
  }
  expect_refused(validate_namespace(std::string_view("a\0", 2)), "may hold only");
}

TEST(Names, AgreeWithTheFrameOnWhatANamespaceIs) {
  for (int first = 0; first < 256; ++first) {
    for (int second = 0; second < 256; ++second) {
      const std::string name{static_cast<char>(first), static_cast<char>(second)};
      ASSERT_EQ(validate_namespace(name).has_value(), is_space_name(name)) << first << " " << second;
    }
  }
}

TEST(Names, TakeAnyBytesAsACounterUpToTheBound) {
  std::string every;
  for (int c = 0; c < 256; ++c) every.push_back(static_cast<char>(c));
  EXPECT_TRUE(validate_counter(every));
  EXPECT_TRUE(validate_counter(std::string(1024, 'x')));
  expect_refused(validate_counter(""), "is empty");
  expect_refused(validate_counter(std::string(1025, 'x')), "1025 bytes");
}

TEST(Names, TakeAnyBytesAsAnIdUpToTheBoundAndNameItInTheError) {
  EXPECT_TRUE(validate_id(std::string(64, '\xff'), "id"));
  expect_refused(validate_id("", "source"), "source is empty");
  expect_refused(validate_id(std::string(65, 'x'), "viewer_id"), "viewer_id has 65 bytes");
}

}  // namespace
}  // namespace quipu
