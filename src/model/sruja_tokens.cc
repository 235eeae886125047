#include "model/sruja_tokens.h"

#include <utility>

namespace quipu {
namespace {

constexpr std::size_t kShownBytesMax = 40;

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

class Reader {
 public:
  Reader(std::string_view text, const SrujaLimits& limits) : text_(text), limits_(limits) {}

  Result<std::vector<SrujaToken>> read() {
    if (text_.size() > limits_.text_bytes_max) {
      return sruja_error({}, "the text is longer than " + std::to_string(limits_.text_bytes_max) + " bytes",
                         Code::kTooLarge);
    }
    while (true) {
      if (auto skipped = skip_blanks(); !skipped) return std::unexpected(skipped.error());
      auto token = read_token();
      if (!token) return std::unexpected(token.error());
      tokens_.push_back(std::move(*token));
      if (tokens_.back().kind == SrujaToken::Kind::kEnd) return std::move(tokens_);
    }
  }

 private:
  bool at_end() const { return at_ == text_.size(); }
  char peek(std::size_t ahead = 0) const { return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0'; }
  bool starts(std::string_view what) const { return text_.substr(at_).starts_with(what); }

  void advance(std::size_t bytes = 1) {
    for (; bytes > 0; --bytes, ++at_) {
      if (text_[at_] == '\n') {
        ++place_.line;
        place_.column = 1;
      } else if ((static_cast<unsigned char>(text_[at_]) & 0xc0) != 0x80) {  // Not inside a character of UTF-8.
        ++place_.column;
      }
    }
  }

  Result<void> skip_blanks() {
    while (!at_end()) {
      if (is_blank(peek())) {
        advance();
      } else if (starts("//")) {
        while (!at_end() && peek() != '\n') advance();
      } else if (starts("/*")) {
        const auto begin = place_;
        advance(2);
        while (!at_end() && !starts("*/")) advance();
        if (at_end()) return sruja_error(begin, "the comment that begins here has no */");
        advance(2);
      } else {
        break;
      }
    }
    return {};
  }

  Result<SrujaToken> read_token() {
    SrujaToken token;
    token.place = place_;
    if (at_end()) return token;
    const char c = peek();
    if (c == '"' || c == '\'') return read_string(std::move(token));
    if (is_letter(c) || is_digit(c)) {
      token.kind = is_letter(c) ? SrujaToken::Kind::kName : SrujaToken::Kind::kNumber;
      const auto part = [&](char next) {
        return is_digit(next) || (token.kind == SrujaToken::Kind::kName && is_letter(next));
      };
      while (part(peek())) {
        token.text += peek();
        advance();
      }
      if (token.text.size() > limits_.string_bytes_max) return too_long(token.place);
      return token;
    }
    if (starts("->")) {
      token.kind = SrujaToken::Kind::kArrow;
      token.text = "->";
      advance(2);
      return token;
    }
    if (std::string_view("={}[],.:*").find(c) != std::string_view::npos) {
      token.kind = SrujaToken::Kind::kMark;
      token.text = c;
      advance();
      return token;
    }
    return sruja_error(
        place_, "expected a name, a string, a number, an arrow or one of = { } [ ] , . : *, found " + character_here());
  }

  Result<SrujaToken> read_string(SrujaToken token) {
    token.kind = SrujaToken::Kind::kString;
    const char quote = peek();
    advance();
    while (!at_end() && peek() != '\n' && peek() != quote) {
      if (peek() == '\\') {
        const char escaped = peek(1);
        if (escaped != '"' && escaped != '\'' && escaped != '\\' && escaped != 'n' && escaped != 't') {
          return sruja_error(place_, R"(expected one of \" \' \\ \n \t in a string)");
        }
        token.text += escaped == 'n' ? '\n' : escaped == 't' ? '\t' : escaped;
        advance(2);
        continue;
      }
      token.text += peek();
      advance();
    }
    if (peek() != quote) return sruja_error(token.place, "the string that begins here does not end on its line");
    advance();
    if (token.text.size() > limits_.string_bytes_max) return too_long(token.place);
    return token;
  }

  std::unexpected<Error> too_long(const SrujaPlace& place) const {
    return sruja_error(place, "longer than " + std::to_string(limits_.string_bytes_max) + " bytes", Code::kTooLarge);
  }

  std::string character_here() const {
    const auto byte = static_cast<unsigned char>(peek());
    if (byte > 0x20 && byte < 0x7f) return std::string("`") + peek() + "`";
    static constexpr char kDigits[] = "0123456789abcdef";
    return std::string("the byte 0x") + kDigits[byte >> 4] + kDigits[byte & 15];
  }

  std::string_view text_;
  const SrujaLimits& limits_;
  std::size_t at_ = 0;
  SrujaPlace place_;
  std::vector<SrujaToken> tokens_;
};

}  // namespace

Result<std::vector<SrujaToken>> read_sruja_tokens(std::string_view text, const SrujaLimits& limits) {
  return Reader(text, limits).read();
}

std::unexpected<Error> sruja_error(const SrujaPlace& place, std::string_view what, Code code) {
  return failure(code,
                 std::to_string(place.line).append(":").append(std::to_string(place.column)).append(": ").append(what));
}

std::string sruja_token_text(const SrujaToken& token) {
  switch (token.kind) {
    case SrujaToken::Kind::kEnd:
      return "the end of the text";
    case SrujaToken::Kind::kString:
      return "the string \"" + token.text.substr(0, kShownBytesMax) +
             (token.text.size() > kShownBytesMax ? "…\"" : "\"");
    default:
      return "`" + token.text.substr(0, kShownBytesMax) + "`";
  }
}

}  // namespace quipu
