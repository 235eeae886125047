#include "fuzz/fuzz.h"
#include "http/json_text.h"
#include "import/access_log_line.h"
#include "import/json_log_line.h"

namespace quipu::fuzz {
namespace {

/// A path is a counter's name that an import can send; a broken line has a reason and no path.
void check(const LineVerdict& verdict) {
  require(verdict.path.empty() == (verdict.broken != nullptr), "a line has a path or a reason");
  require(verdict.path.size() <= 1'024, "a path is a counter's name");
  require(is_utf8(verdict.path), "a path can be sent as JSON");
  require(verdict.path.find('?') == verdict.path.npos, "a path ends at its query");
}

bool inside(std::string_view part, std::string_view whole) {
  return part.empty() || (part.data() >= whole.data() && part.data() + part.size() <= whole.data() + whole.size());
}

}  // namespace
}  // namespace quipu::fuzz

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace quipu;
  using namespace quipu::fuzz;
  const std::string_view line(reinterpret_cast<const char*>(data), size);
  for (const auto read : {read_access_log_line, path_of_request, path_of_target}) {
    const auto verdict = read(line);
    check(verdict);
    require(inside(verdict.path, line), "the path points into the line");
  }
  static JsonLogLineReader usual;
  static JsonLogLineReader named("request.uri");
  check(usual.read(line));
  check(named.read(line));
  return 0;
}
