#include <string>
#include <vector>

#include "fuzz/fuzz.h"
#include "resp/parser.h"

namespace quipu::fuzz {
namespace {

/// Feeds a parser as a connection does: what was not used is offered again with what came behind it, somewhere else in
/// memory each time.
class RespFeed {
 public:
  explicit RespFeed(const NetLimits& limits) : limits_(limits), parser_(limits) {}

  void arrive(std::string_view bytes) {
    if (refused_) return;
    waiting_.append(bytes);
    while (true) {
      const std::string offered(waiting_);
      const auto step = parser_.parse(offered);
      require(step.used <= offered.size(), "no more is used than was offered");
      // It keeps the memory of a longer command for the next ones.
      most_offered_ = std::max(most_offered_, offered.size());
      require(parser_.kept_bytes() <= 1'024 + 64 * most_offered_,
              "what is kept follows what came, not what was declared");
      if (step.status == RespParser::Status::kCommand) note_command();
      if (step.status == RespParser::Status::kRefused) {
        refused_ = true;
        events_.push_back("!" + parser_.error());
        return;
      }
      waiting_ = offered.substr(step.used);
      if (step.status == RespParser::Status::kNeedMore) {
        require(step.used == 0, "nothing of a part is used");
        return;
      }
      require(step.used > 0, "what is whole is used");
    }
  }
  const std::vector<std::string>& events() const { return events_; }

 private:
  void note_command() {
    require(!parser_.arguments().empty(), "a command has a name");
    require(parser_.arguments().size() <= limits_.resp_arguments_max, "no more arguments than the bound");
    std::string event;
    for (const auto argument : parser_.arguments()) {
      require(argument.size() <= std::max(limits_.resp_argument_bytes_max, limits_.resp_inline_bytes_max),
              "no argument above its bound");
      event.append(std::to_string(argument.size())).append(":").append(argument);
    }
    events_.push_back(std::move(event));
    parser_.forget_arguments();
  }

  const NetLimits& limits_;
  RespParser parser_;
  std::string waiting_;
  std::size_t most_offered_ = 0;
  std::vector<std::string> events_;
  bool refused_ = false;
};

NetLimits small_limits() {
  NetLimits limits;
  limits.resp_arguments_max = 8;
  limits.resp_argument_bytes_max = 64;
  limits.resp_inline_bytes_max = 64;
  return limits;
}

void check_bytes(std::string_view bytes, std::uint8_t seed, const NetLimits& limits) {
  RespFeed pieces(limits);
  Cuts cuts(seed);
  for (auto rest = bytes; !rest.empty();) {
    const auto piece = rest.substr(0, cuts.next());
    rest.remove_prefix(piece.size());
    pieces.arrive(piece);
  }
  RespFeed whole(limits);
  whole.arrive(bytes);
  require(pieces.events() == whole.events(), "cut bytes are the same commands");
}

/// A command that was written as an array of bulk strings is read as it was.
void check_command(Input& input) {
  static const NetLimits limits;
  std::vector<std::string_view> words;
  while (!input.empty() && words.size() < 64) words.push_back(input.text(input.below(32)));
  if (words.empty()) return;
  std::string bytes = "*" + std::to_string(words.size()) + "\r\n";
  for (const auto word : words) bytes.append("$" + std::to_string(word.size()) + "\r\n").append(word).append("\r\n");
  RespParser parser(limits);
  const auto step = parser.parse(bytes);
  require(step.status == RespParser::Status::kCommand && step.used == bytes.size(), "a whole command is read");
  require(parser.arguments() == words, "its words are as they were written");
}

}  // namespace
}  // namespace quipu::fuzz

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace quipu::fuzz;
  static const auto small = small_limits();
  static const quipu::NetLimits usual;
  Input input(data, size);
  const auto seed = input.number<std::uint8_t>();
  if (seed % 4 == 3) {
    check_command(input);
  } else {
    check_bytes(input.rest(), seed, seed % 4 == 2 ? small : usual);
  }
  return 0;
}
