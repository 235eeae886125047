#pragma once

#include <algorithm>
#include <cstddef>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "net/limits.h"

namespace quipu {

/// The second opinion on where a request ends and what it is: RFC 9112 and what Quipu refuses beyond it, read from the
/// whole bytes at once, with no line of the product's parser. Slow and plain on purpose.
class PlainReading {
 public:
  enum class Kind { kIncomplete, kRequest, kRefused };

  PlainReading(std::string_view bytes, const NetLimits& limits) : limits_(limits) { read(bytes); }

  Kind kind() const {
    if (!faults_.empty()) return Kind::kRefused;
    return whole_ ? Kind::kRequest : Kind::kIncomplete;
  }
  /// The status of everything that is wrong, in whatever order it is found.
  const std::set<int>& faults() const { return faults_; }

  // Of a request.
  std::size_t end() const { return end_; }
  const std::string& method() const { return method_; }
  const std::string& target() const { return target_; }
  const std::string& body() const { return body_; }
  bool keep_alive() const { return keep_alive_; }

 private:
  struct Field {
    std::string name;  // In small letters.
    std::string value;
  };

  static bool one_of(char c, std::string_view set) { return set.find(c) != set.npos; }
  static bool digit(char c) { return one_of(c, "0123456789"); }
  static bool all(std::string_view text, bool (*allowed)(char)) { return std::ranges::all_of(text, allowed); }
  static bool token(std::string_view text) {
    static constexpr std::string_view kLetters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    return !text.empty() &&
           all(text, [](char c) { return digit(c) || one_of(c, kLetters) || one_of(c, "!#$%&'*+-.^_`|~"); });
  }
  static std::string small(std::string_view text) {
    std::string out(text);
    for (char& c : out) {
      if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
    }
    return out;
  }
  static std::string_view trimmed(std::string_view text) {
    while (!text.empty() && one_of(text.front(), " \t")) text.remove_prefix(1);
    while (!text.empty() && one_of(text.back(), " \t")) text.remove_suffix(1);
    return text;
  }
  /// The parts of a text between `mark`, one more than there are marks.
  static std::vector<std::string_view> split(std::string_view text, std::string_view mark) {
    std::vector<std::string_view> parts;
    for (auto at = text.find(mark); at != text.npos; at = text.find(mark)) {
      parts.push_back(text.substr(0, at));
      text.remove_prefix(at + mark.size());
    }
    parts.push_back(text);
    return parts;
  }
  static bool authority(std::string_view text) {
    const auto colon = text.starts_with('[') ? text.find(':', std::min(text.find(']'), text.size())) : text.find(':');
    auto name = text.substr(0, colon);
    const bool bracketed = name.starts_with('[');
    if (bracketed && (!name.ends_with(']') || name.size() < 3)) return false;
    if (bracketed) name = name.substr(1, name.size() - 2);
    const bool named = bracketed
                           ? all(name, [](char c) { return one_of(c, ":.") || (token({&c, 1}) && std::isalnum(c)); })
                           : all(name, [](char c) { return one_of(c, "-._~") || (token({&c, 1}) && std::isalnum(c)); });
    if (name.empty() || !named) return false;
    return colon == text.npos || (text.size() - colon <= 6 && all(text.substr(colon + 1), digit));
  }

  void wrong(int status) { faults_.insert(status); }

  void read(std::string_view bytes) {
    const std::size_t begin = bytes.starts_with("\r\n") ? 2 : 0;
    const auto head_end = bytes.find("\r\n\r\n", begin);
    if (head_end == bytes.npos) return;
    const auto lines = split(bytes.substr(begin, head_end - begin), "\r\n");
    if (head_end + 4 - begin > limits_.header_bytes_max) faults_.insert({414, 431});
    for (const auto line : lines) {
      if (line.find_first_of("\r\n") != line.npos) wrong(400);
    }
    read_line(lines[0]);
    if (lines.size() - 1 > kHttpFieldsMax) wrong(431);
    std::vector<Field> fields;
    for (std::size_t at = 1; at < lines.size(); ++at) {
      if (auto field = read_field(lines[at])) fields.push_back(std::move(*field));
    }
    judge(fields);
    if (!faults_.empty()) return;
    const auto rest = bytes.substr(head_end + 4);
    if (chunked_) return read_chunks(rest, head_end + 4);
    if (length_ > limits_.body_bytes_max) return wrong(413);
    if (rest.size() < length_) return;
    body_ = rest.substr(0, length_);
    finish(head_end + 4 + length_);
  }

  void finish(std::size_t end) {
    end_ = end;
    whole_ = true;
  }

  void read_line(std::string_view line) {
    const auto parts = split(line, " ");
    if (!token(parts[0]) || parts[0].size() > kHttpMethodBytesMax) wrong(400);
    method_ = parts[0];
    static const std::set<std::string> kKnown = {"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE"};
    if (!kKnown.contains(method_)) wrong(501);
    if (parts.size() != 3) return wrong(400);
    const auto version = parts[2];
    if (version == "HTTP/1.1" || version == "HTTP/1.0") {
      minor_ = version.back() - '0';
    } else {
      const bool formed = version.size() == 8 && version.starts_with("HTTP/") && digit(version[5]) &&
                          version[6] == '.' && digit(version[7]);
      wrong(formed ? 505 : 400);
    }
    read_target(parts[1]);
  }

  void read_target(std::string_view target) {
    if (target.empty() || !all(target, [](char c) { return c > 0x20 && c < 0x7f && !one_of(c, "#\\"); })) wrong(400);
    target_ = target;
    if (target.starts_with('/') || (target == "*" && method_ == "OPTIONS")) return;
    const auto colon = target.find("://");
    const auto scheme = small(target.substr(0, colon));
    if (colon == target.npos || (scheme != "http" && scheme != "https")) return wrong(400);
    const auto rest = target.substr(colon + 3);
    const auto path = rest.find_first_of("/?");
    authority_ = rest.substr(0, path);
    if (!authority(*authority_) || (path != rest.npos && rest[path] == '?')) wrong(400);
    target_ = path == rest.npos ? "/" : rest.substr(path);
  }

  std::optional<Field> read_field(std::string_view line) {
    const auto colon = line.find(':');
    if (colon == line.npos || !token(line.substr(0, colon))) {
      wrong(400);
      return std::nullopt;
    }
    const auto value = trimmed(line.substr(colon + 1));
    if (!all(value, [](char c) { return c == '\t' || static_cast<unsigned char>(c) >= 0x20; }) ||
        value.find('\x7f') != value.npos) {
      wrong(400);
    }
    return Field{small(line.substr(0, colon)), std::string(value)};
  }

  void judge(const std::vector<Field>& fields) {
    std::set<std::string> seen;
    static const std::set<std::string> kOnce = {
        "host",          "content-length", "transfer-encoding", "content-type", "content-encoding", "origin",
        "authorization", "if-none-match",  "idempotency-key",   "quipu-source", "quipu-sequence"};
    bool close = false;
    bool stay = false;
    for (const auto& [name, value] : fields) {
      if (!seen.insert(name).second && kOnce.contains(name)) wrong(400);
      if (name == "content_length" || name == "transfer_encoding") wrong(400);
      if (name == "expect" && small(value) != "100-continue") wrong(417);
      if (name == "content-length") judge_length(value);
      if (name == "transfer-encoding") {
        chunked_ = true;
        if (small(value) != "chunked") wrong(501);
        if (minor_ == 0) wrong(400);
      }
      if (name == "host") {
        if (!authority(value) || (authority_ && small(*authority_) != small(value))) wrong(400);
      }
      if (name != "connection" && name != "proxy-connection") continue;
      for (const auto part : split(value, ",")) {
        const auto option = trimmed(part);
        if (!option.empty() && !token(option)) wrong(400);
        close |= name == "connection" && small(option) == "close";
        stay |= name == "connection" && small(option) == "keep-alive";
      }
    }
    if (chunked_ && seen.contains("content-length")) wrong(400);
    if (minor_ == 1 && !seen.contains("host")) wrong(400);
    keep_alive_ = !close && (minor_ == 1 || stay);
  }

  void judge_length(std::string_view value) {
    if (value.empty() || !all(value, digit)) return wrong(400);
    if (value.size() > kContentLengthDigitsMax) {
      wrong(413);
      if (value.size() > 19 || value > "9223372036854775807") wrong(400);  // No number of 64 bits to some readers.
      return;
    }
    length_ = 0;
    for (const char c : value) length_ = length_ * 10 + static_cast<std::size_t>(c - '0');
  }

  /// Chunks from their first byte on; `at` is where they begin in the whole.
  void read_chunks(std::string_view rest, std::size_t at) {
    const auto take_line = [&]() -> std::optional<std::string_view> {
      const auto end = rest.find('\n');
      if (end == rest.npos) return std::nullopt;
      const auto line = rest.substr(0, end);
      rest.remove_prefix(end + 1);
      at += end + 1;
      if (!line.ends_with('\r')) wrong(400);
      return line.substr(0, line.size() - (line.ends_with('\r') ? 1 : 0));
    };
    while (true) {
      const auto line = take_line();
      if (!line || !faults_.empty()) return;
      const auto size = chunk_size(*line);
      if (!faults_.empty()) return;
      if (size == 0) break;
      if (size > limits_.body_bytes_max - body_.size()) return wrong(413);
      if (rest.size() < size + 2) return;
      if (rest.substr(size, 2) != "\r\n") return wrong(400);
      body_ += rest.substr(0, size);
      rest.remove_prefix(size + 2);
      at += size + 2;
    }
    std::size_t trailer_bytes = 0;
    while (true) {
      const auto line = take_line();
      if (!line) return;
      trailer_bytes += line->size() + 2;
      if (trailer_bytes > limits_.header_bytes_max) wrong(431);
      if (!faults_.empty()) return;
      if (line->empty()) break;
      static const std::set<std::string> kBefore = {"content-length", "transfer-encoding", "host",
                                                    "authorization",  "trailer",           "content-type",
                                                    "connection",     "content-encoding",  "idempotency-key"};
      const auto field = read_field(*line);
      if (field && kBefore.contains(field->name)) wrong(400);
      if (!faults_.empty()) return;
    }
    finish(at);
  }

  std::size_t chunk_size(std::string_view line) {
    const auto digits = line.substr(0, line.find(';'));
    const auto extension = line.substr(digits.size());
    const bool text =
        all(extension, [](char c) { return c == '\t' || (static_cast<unsigned char>(c) >= 0x20 && c != '\x7f'); });
    if (digits.empty() || digits.size() > kChunkSizeDigitsMax || !text || extension.size() > kChunkExtensionBytesMax) {
      wrong(400);
      return 0;
    }
    std::size_t size = 0;
    for (const char c : small(digits)) {
      const auto value = std::string_view("0123456789abcdef").find(c);
      if (value == std::string_view::npos) {
        wrong(400);
        return 0;
      }
      size = size * 16 + value;
    }
    return size;
  }

  const NetLimits& limits_;
  std::set<int> faults_;
  bool whole_ = false;
  std::size_t end_ = 0;
  std::string method_;
  std::string target_;
  std::optional<std::string> authority_;
  int minor_ = 1;
  bool keep_alive_ = true;
  bool chunked_ = false;
  std::size_t length_ = 0;
  std::string body_;
};

}  // namespace quipu
