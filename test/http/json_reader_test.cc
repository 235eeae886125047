#include "http/json_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <random>
#include <string>

#include "http/json_text.h"

namespace quipu {
namespace {

std::optional<std::string> read_string(const std::string& text) {
  Arena arena;
  JsonReader json(text, arena);
  std::string_view value;
  if (!json.read(value) || !json.finish()) return std::nullopt;
  return std::string(value);
}

std::optional<std::int64_t> read_integer(const std::string& text) {
  Arena arena;
  JsonReader json(text, arena);
  std::int64_t value = 0;
  if (!json.read(value) || !json.finish()) return std::nullopt;
  return value;
}

/// A flat object of strings, integers and truths, as a map of what they would print.
std::optional<std::map<std::string, std::string>> read_object(const std::string& text) {
  Arena arena;
  JsonReader json(text, arena);
  std::map<std::string, std::string> fields;
  std::string_view name;
  for (json.begin_object(); json.next_field(name);) {
    const std::string key(name);
    if (key.starts_with('s')) {
      std::string_view value;
      if (json.read(value)) fields[key] = value;
    } else if (key.starts_with('i')) {
      std::int64_t value = 0;
      if (json.read(value)) fields[key] = std::to_string(value);
    } else {
      bool value = false;
      if (json.read(value)) fields[key] = value ? "true" : "false";
    }
  }
  if (!json.finish()) return std::nullopt;
  return fields;
}

TEST(JsonReader, ReadsStringsAsTheyAreMeant) {
  EXPECT_EQ(read_string(R"("")"), "");
  EXPECT_EQ(read_string(R"("abc")"), "abc");
  EXPECT_EQ(read_string(" \t\r\n\"a\" "), "a");
  EXPECT_EQ(read_string(R"("a\"\\\/\b\f\n\r\tz")"), "a\"\\/\b\f\n\r\tz");
  EXPECT_EQ(read_string(R"("\u0041\u00e9\u20AC\ud83d\ude00")"), "A\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80");
  EXPECT_EQ(read_string(R"("a\u0000b")"), std::string("a\0b", 3));
  EXPECT_EQ(read_string("\"\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80\""), "\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80");
  EXPECT_EQ(read_string("\"\xc3\xa9\\n\xc3\xa9\""), "\xc3\xa9\n\xc3\xa9");
}

TEST(JsonReader, RefusesStringsThatAreNone) {
  for (const char* text : {"",
                           "\"",
                           "\"a",
                           "a",
                           "'a'",
                           "\"\\",
                           "\"\\\"",
                           "\"\\x41\"",
                           "\"\\u\"",
                           "\"\\u004\"",
                           "\"\\u004g\"",
                           "\"\\ud83d\"",
                           "\"\\ud83dx\"",
                           "\"\\ud83d\\n\"",
                           "\"\\ud83d\\u0041\"",
                           "\"\\ude00\"",
                           "\"\\ude00\\ud83d\"",
                           "\"a\nb\"",
                           "\"a\tb\"",
                           "\"\\n\n\"",
                           "\"\x80\"",
                           "\"\xc0\x80\"",
                           "\"\xc1\xbf\"",
                           "\"\xe0\x80\x80\"",
                           "\"\xed\xa0\x80\"",
                           "\"\xf0\x80\x80\x80\"",
                           "\"\xf4\x90\x80\x80\"",
                           "\"\xf5\x80\x80\x80\"",
                           "\"\xc3\"",
                           "\"\xe2\x82\"",
                           "\"\xff\"",
                           "\"\\n\xc3\"",
                           "\"\\n\xff\"",
                           "\"a\"b",
                           "\"a\" \"b\"",
                           "\xef\xbb\xbf\"a\"",
                           "\"\\\xc3\xa9\""}) {
    EXPECT_EQ(read_string(text), std::nullopt) << text;
  }
  EXPECT_EQ(read_string(std::string("\"a\0b\"", 5)), std::nullopt);
  EXPECT_EQ(read_string(std::string("\"\\\0\"", 4)), std::nullopt);
}

TEST(JsonReader, ReadsIntegersOf64Bits) {
  EXPECT_EQ(read_integer("0"), 0);
  EXPECT_EQ(read_integer("-0"), 0);
  EXPECT_EQ(read_integer(" 9007199254740993 "), 9007199254740993);
  EXPECT_EQ(read_integer("9223372036854775807"), INT64_MAX);
  EXPECT_EQ(read_integer("-9223372036854775808"), INT64_MIN);
  for (const char* text : {"",
                           "-",
                           "+1",
                           "01",
                           "-01",
                           "1.0",
                           "1e3",
                           "1E3",
                           "0.5",
                           ".5",
                           "9223372036854775808",
                           "--1",
                           "-9223372036854775809",
                           "0x1",
                           "1 1",
                           "1,",
                           "NaN",
                           "true",
                           "\"1\"",
                           "1\xd9\xa1"}) {
    EXPECT_EQ(read_integer(text), std::nullopt) << text;
  }
}

TEST(JsonReader, ReadsObjectsAndRefusesWhatOnlyLooksLikeOne) {
  using Fields = std::map<std::string, std::string>;
  EXPECT_EQ(read_object("{}"), Fields());
  EXPECT_EQ(read_object(R"( { "s" : "x" , "i":-5,"b": true } )"), (Fields{{"s", "x"}, {"i", "-5"}, {"b", "true"}}));
  for (const char* text : {"",
                           "{",
                           "}",
                           "{,}",
                           "{\"s\"}",
                           "{\"s\":}",
                           "{\"s\":\"x\",}",
                           "{\"s\":\"x\" \"i\":1}",
                           "{\"s\":\"x\"}}",
                           "{\"s\":\"x\"",
                           "{\"s\" \"x\"}",
                           "{s:\"x\"}",
                           "{\"s\":\"x\"]",
                           "[\"s\"]",
                           "{\"s\":null}",
                           "{\"b\":tru}",
                           "{\"b\":truex}",
                           "{\"i\":1}{}",
                           "{\"s\":\"a\",\"b\":tru}",
                           "{\"s\":{}}",
                           "// c\n{}",
                           "{\"s\":\"x\",,\"i\":1}"}) {
    EXPECT_EQ(read_object(text), std::nullopt) << text;
  }
}

TEST(JsonReader, KeepsTheFirstFailure) {
  Arena arena;
  JsonReader json(R"({"a":1})", arena);
  std::string_view name;
  std::string_view text;
  std::int64_t number = 0;
  EXPECT_TRUE(json.begin_object());
  EXPECT_TRUE(json.next_field(name));
  EXPECT_FALSE(json.read(text));
  EXPECT_STREQ(json.error(), "a JSON string is expected");
  EXPECT_FALSE(json.read(number));
  EXPECT_FALSE(json.next_field(name));
  EXPECT_FALSE(json.finish());
  EXPECT_STREQ(json.error(), "a JSON string is expected");
}

/// Whatever we take, a parser of general use takes too and means the same by it; what it takes of our shape, we take.
TEST(JsonReader, AgreesWithAnotherParserOnRandomTexts) {
  std::mt19937_64 random(20261124);
  const std::string pieces[] = {
      "{",          "}",        "\"s\"",   "\"i\"",   "\"b\"", ":",     ",",  " ",      "\"",     "\\",
      "\\n",        "\\u00",    "\\ud83d", "\\ude00", "12",    "-",     "0",  ".",      "e",      "true",
      "false",      "\xc3\xa9", "\xc3",    "\x01",    "a",     "\"x\"", "\n", "\"s1\"", "\"i1\"", "9223372036854775807",
      "\"\\u0041\""};
  const std::string samples[] = {R"({"s":"x","i":12,"b":true})", R"({"s":"\u0041\n\ud83d\ude00"})", R"({"i":-9})",
                                 "{\"s\":\"\xc3\xa9\"}", "{ }"};
  std::size_t taken = 0;
  for (int round = 0; round < 60'000; ++round) {
    std::string text = samples[random() % std::size(samples)];
    for (auto changes = random() % 3; changes > 0; --changes) {
      const auto at = random() % (text.size() + 1);
      if (random() % 2 == 0 && at < text.size())
        text.erase(at, 1 + random() % 3);
      else
        text.insert(std::min<std::size_t>(at, text.size()), pieces[random() % std::size(pieces)]);
    }
    const auto ours = read_object(text);
    std::size_t names = 0;
    const auto count_names = [&](int, nlohmann::json::parse_event_t event, nlohmann::json&) {
      names += event == nlohmann::json::parse_event_t::key ? 1 : 0;
      return true;
    };
    const auto theirs = nlohmann::json::parse(text, count_names, false);
    if (ours) {
      ++taken;
      ASSERT_TRUE(theirs.is_object()) << text;
      for (const auto& [name, value] : *ours) {
        ASSERT_TRUE(theirs.contains(name)) << text;
        ASSERT_EQ(value, theirs[name].is_string() ? theirs[name].get<std::string>() : theirs[name].dump()) << text;
      }
      continue;
    }
    if (!theirs.is_object()) continue;
    bool shaped = true;
    for (const auto& [name, value] : theirs.items()) {
      shaped &= name.starts_with('s')   ? value.is_string()
                : name.starts_with('i') ? value.is_number_integer() &&
                                              (!value.is_number_unsigned() || value.get<std::uint64_t>() <= INT64_MAX)
                                        : value.is_boolean();
    }
    // A repeated name hides its first value there, so only its last one is seen.
    const bool repeated = names != theirs.size();
    ASSERT_TRUE(!shaped || repeated) << text;
  }
  EXPECT_GT(taken, 10'000U);
}

TEST(JsonText, EscapesSoThatTheSameComesBack) {
  std::string all;
  for (int byte = 0; byte < 128; ++byte) all += static_cast<char>(byte);
  all += "\xc3\xa9\xf0\x9f\x98\x80";
  std::string out;
  append_json_string(out, all);
  EXPECT_EQ(nlohmann::json::parse(out).get<std::string>(), all);
  EXPECT_EQ(out.find_first_of("<>&\n"), std::string::npos);
  EXPECT_EQ(read_string(out), all);
}

TEST(JsonText, ReplacesWhatIsNotUtf8) {
  std::string out;
  append_json_string(out, "a\xff\xc3z");
  EXPECT_EQ(nlohmann::json::parse(out).get<std::string>(), "a\xef\xbf\xbd\xef\xbf\xbdz");
  EXPECT_TRUE(is_utf8("a\xc3\xa9"));
  EXPECT_FALSE(is_utf8("a\xc3"));
}

}  // namespace
}  // namespace quipu
