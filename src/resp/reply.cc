#include "resp/reply.h"

#include <algorithm>
#include <charconv>
#include <iterator>

namespace quipu {
namespace {

constexpr std::size_t kIntegerBytesMax = 20;

std::size_t digits(std::int64_t value, char (&buffer)[kIntegerBytesMax]) {
  return static_cast<std::size_t>(std::to_chars(std::begin(buffer), std::end(buffer), value).ptr - std::begin(buffer));
}

}  // namespace

void RespWriter::header(char kind, std::size_t size) {
  char buffer[kIntegerBytesMax];
  out_ += kind;
  out_.append(buffer, digits(static_cast<std::int64_t>(size), buffer));
  out_ += "\r\n";
}

void RespWriter::simple(std::string_view text) {
  out_ += '+';
  out_ += text;
  out_ += "\r\n";
}

void RespWriter::error(std::string_view prefix, std::string_view text) {
  out_ += '-';
  out_ += prefix;
  out_ += ' ';
  std::ranges::transform(text, std::back_inserter(out_), [](char c) { return c == '\r' || c == '\n' ? ' ' : c; });
  out_ += "\r\n";
}

void RespWriter::integer(std::int64_t value) {
  char buffer[1 + kIntegerBytesMax + 2];
  buffer[0] = ':';
  char* end = std::to_chars(buffer + 1, std::end(buffer), value).ptr;
  *end++ = '\r';
  *end++ = '\n';
  out_.append(buffer, static_cast<std::size_t>(end - buffer));
}

void RespWriter::bulk(std::string_view bytes) {
  header('$', bytes.size());
  out_ += bytes;
  out_ += "\r\n";
}

void RespWriter::bulk_integer(std::int64_t value) {
  char buffer[kIntegerBytesMax];
  bulk({buffer, digits(value, buffer)});
}

void RespWriter::text(std::string_view text) {
  if (!resp3_) return bulk(text);
  header('=', text.size() + 4);
  out_ += "txt:";
  out_ += text;
  out_ += "\r\n";
}

void RespWriter::null() { out_ += resp3_ ? "_\r\n" : "$-1\r\n"; }

void RespWriter::map(std::size_t size) { header(resp3_ ? '%' : '*', resp3_ ? size : size * 2); }

}  // namespace quipu
