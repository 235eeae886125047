#include "ingest/names.h"

#include <string>

namespace quipu {
namespace {

bool is_lower(char c) { return c >= 'a' && c <= 'z'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

std::string bytes_of(std::size_t size) { return std::to_string(size) + " bytes"; }

}  // namespace

Result<void> validate_namespace(std::string_view name) {
  if (name.empty()) return failure(Code::kRefused, "namespace is empty");
  if (name.size() > kNamespaceBytesMax) {
    return failure(Code::kRefused, "namespace has " + bytes_of(name.size()) + ", at most 63 are allowed");
  }
  if (!is_lower(name[0])) return failure(Code::kRefused, "namespace must begin with a letter a to z");
  for (const char c : name) {
    if (!is_lower(c) && !is_digit(c) && c != '_' && c != '-') {
      return failure(Code::kRefused, "namespace may hold only a to z, 0 to 9, _ and -");
    }
  }
  return {};
}

Result<void> validate_counter(std::string_view name) {
  if (is_counter(name)) return {};
  if (name.empty()) return failure(Code::kRefused, "counter is empty");
  return failure(Code::kRefused, "counter has " + bytes_of(name.size()) + ", at most 1024 are allowed");
}

Result<void> validate_id(std::string_view id, std::string_view what) {
  if (id.empty()) return failure(Code::kRefused, std::string(what) + " is empty");
  if (id.size() > kIdBytesMax) {
    return failure(Code::kRefused, std::string(what) + " has " + bytes_of(id.size()) + ", at most 64 are allowed");
  }
  return {};
}

}  // namespace quipu
