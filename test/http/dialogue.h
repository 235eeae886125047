#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <fstream>
#include <map>
#include <regex>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "http/world.h"

namespace quipu {

/// One request of a dialogue and what must be answered.
///
///     > request lines as they are sent; behind the first empty one the body
///     < status line, fields that must be among those of the answer, and behind an empty line the body
///     = closed
///
/// `Content-Length: *` in a request is replaced by the length of its body. In answers `<number>`, `<text>` (anything
/// but quotes), `<any>`, `<time>` and `<position>` stand for themselves; `<p:position>` also names it, and `<p>` later
/// means what it was. Exchanges end with an empty line; `#` begins a comment.
struct HttpExchange {
  std::size_t line = 0;  ///< Of the file.
  std::vector<std::string> request;
  std::vector<std::string> answer;
  bool closed = false;
};

inline std::vector<HttpExchange> read_http_dialogue(const std::string& path) {
  std::ifstream file(path);
  std::vector<HttpExchange> exchanges;
  std::string line;
  bool open = false;
  for (std::size_t number = 1; std::getline(file, line); ++number) {
    if (line.empty()) open = false;
    if (line.empty() || line[0] == '#') continue;
    if (!open) exchanges.push_back({number, {}, {}, false});
    open = true;
    const auto text = line.size() > 2 ? line.substr(2) : "";
    if (line[0] == '>') exchanges.back().request.push_back(text);
    if (line[0] == '<') exchanges.back().answer.push_back(text);
    if (line == "= closed") exchanges.back().closed = true;
  }
  return exchanges;
}

/// What was named so far, and texts with it put in.
class HttpNames {
 public:
  std::string filled(std::string text) const {
    for (const auto& [name, value] : values_) {
      for (auto at = text.find("<" + name + ">"); at != std::string::npos; at = text.find("<" + name + ">", at)) {
        text.replace(at, name.size() + 2, value);
      }
    }
    return text;
  }

  /// Whether `text` is what `pattern` allows; keeps what it names.
  bool matches(const std::string& pattern, const std::string& text) {
    static const std::regex kPlace("<(?:([a-z]+):)?(number|text|any|time|position)>");
    static const std::map<std::string, std::string> kMeanings = {
        {"number", "-?[0-9]+"},
        {"text", "[^\"]*(?:\"[^\"]*\")?"},
        {"any", "[^]*"},
        {"time", "[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\\.[0-9]{3}Z"},
        {"position", "[0-9]+:[0-9]+:[0-9]+(?:,[0-9]+:[0-9]+:[0-9]+)*"}};
    const auto full = filled(pattern);
    std::string expression;
    std::vector<std::string> names;
    std::size_t end = 0;
    for (std::sregex_iterator place(full.begin(), full.end(), kPlace); place != std::sregex_iterator(); ++place) {
      const auto& found = *place;
      expression += quoted(full.substr(end, static_cast<std::size_t>(found.position()) - end));
      expression += "(" + kMeanings.at(found[2]) + ")";
      names.push_back(found[1]);
      end = static_cast<std::size_t>(found.position() + found.length());
    }
    expression += quoted(full.substr(end));
    std::smatch match;
    if (!std::regex_match(text, match, std::regex(expression))) return false;
    for (std::size_t i = 0; i < names.size(); ++i) {
      if (!names[i].empty()) values_[names[i]] = match[i + 1];
    }
    return true;
  }

 private:
  static std::string quoted(const std::string& text) {
    std::string out;
    for (const char c : text) {
      if (std::string_view("\\^$.|?*+()[]{}").find(c) != std::string_view::npos) out += '\\';
      out += c;
    }
    return out;
  }
  std::map<std::string, std::string> values_;
};

/// The bytes of a request.
inline std::string http_request_bytes(const HttpExchange& exchange, const HttpNames& names) {
  const auto& lines = exchange.request;
  const auto empty = std::ranges::find(lines, "");
  const bool chunked =
      std::ranges::any_of(lines, [](const auto& line) { return line.starts_with("Transfer-Encoding"); });
  std::string body;
  if (empty != lines.end()) {
    for (auto line = empty + 1; line != lines.end(); ++line) {
      body += *line;
      if (chunked || line + 1 != lines.end()) body += chunked ? "\r\n" : "\n";
    }
  }
  std::string head;
  for (auto line = lines.begin(); line != empty; ++line) {
    head += *line == "Content-Length: *" ? "Content-Length: " + std::to_string(body.size()) : names.filled(*line);
    head += "\r\n";
  }
  return head + (empty == lines.end() ? "" : "\r\n") + body;
}

/// Expects an answer, taken apart and as it came, to be what the exchange allows.
inline void expect_answer(const HttpExchange& exchange, const HttpAnswer& answer, const std::string& raw,
                          HttpNames& names) {
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

}  // namespace quipu
