#include <hiredis/read.h>

#include <algorithm>
#include <memory>
#include <optional>
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

/// A reply that hiredis has read: the second opinion on arrays of bulk strings, which requests are as well.
class HiredisReading {
 public:
  explicit HiredisReading(std::string_view bytes) {
    static redisReplyObjectFunctions makers = {make_string, make_array, make_integer, make_nil, free_nothing};
    const std::unique_ptr<redisReader, void (*)(redisReader*)> reader(redisReaderCreateWithFunctions(&makers),
                                                                      redisReaderFree);
    reader->privdata = this;
    if (redisReaderFeed(reader.get(), bytes.data(), bytes.size()) != REDIS_OK) return;
    void* reply = nullptr;
    found_ = redisReaderGetReply(reader.get(), &reply) == REDIS_OK && reply != nullptr;
    used_ = bytes.size() - (reader->len - reader->pos);  // It gives back what it has read of its buffer.
  }

  /// A whole reply stands at the beginning, and nothing is wrong with it.
  bool found() const { return found_; }
  std::size_t used() const { return used_; }
  /// Where the reply is an array of bulk strings and nothing else.
  std::optional<std::vector<std::string>> words() const {
    return found_ && plain_ ? std::optional(words_) : std::nullopt;
  }

 private:
  static HiredisReading& of(const redisReadTask* task) { return *static_cast<HiredisReading*>(task->privdata); }
  static void* make_string(const redisReadTask* task, char* text, size_t size) {
    auto& self = of(task);
    self.plain_ &= task->type == REDIS_REPLY_STRING && task->parent != nullptr && task->parent->parent == nullptr;
    self.words_.emplace_back(text, size);
    return &self;
  }
  // The array takes no memory for what it declares.
  static void* make_array(const redisReadTask* task, int) {
    of(task).plain_ &= task->parent == nullptr;
    return &of(task);
  }
  static void* make_integer(const redisReadTask* task, long long) { return make_nil(task); }
  static void* make_nil(const redisReadTask* task) {
    of(task).plain_ = false;
    return &of(task);
  }
  static void free_nothing(void*) {}

  std::vector<std::string> words_;
  bool found_ = false;
  bool plain_ = true;
  std::size_t used_ = 0;
};

std::string encoded(const auto& words) {
  std::string bytes = "*" + std::to_string(words.size()) + "\r\n";
  for (const auto& word : words) bytes.append("$" + std::to_string(word.size()) + "\r\n").append(word).append("\r\n");
  return bytes;
}

bool within(const std::vector<std::string>& words, const NetLimits& limits) {
  return words.size() <= limits.resp_arguments_max &&
         std::ranges::all_of(words, [&](const auto& word) { return word.size() <= limits.resp_argument_bytes_max; });
}

/// hiredis reads each array of bulk strings as we do, and we refuse none that it reads and that is written as it would.
void check_against_hiredis(std::string_view bytes, const NetLimits& limits) {
  RespParser parser(limits);
  while (!bytes.empty()) {
    const bool array = bytes[0] == '*';
    const auto step = parser.parse(bytes);
    using Status = RespParser::Status;
    if (array && (step.status == Status::kCommand || step.status == Status::kSkipped)) {
      const HiredisReading theirs(bytes.substr(0, step.used));
      const bool command = step.status == Status::kCommand;
      // A length below -1 is no reply, and is skipped as a request: Redis does so.
      require(theirs.found() || (!command && bytes.starts_with("*-")), "hiredis finds a reply there");
      require(!theirs.found() || theirs.used() == step.used, "it ends in the same place");
      if (command) {
        require(theirs.words().has_value(), "it is an array of bulk strings");
        require(std::ranges::equal(*theirs.words(), parser.arguments()), "the words are the same");
      }
    } else if (array) {
      const HiredisReading theirs(bytes);
      require(!theirs.found() || step.status == Status::kRefused, "what waits for more is no whole reply");
      if (const auto words = theirs.words(); words && !words->empty() && within(*words, limits)) {
        require(!bytes.starts_with(encoded(*words)), "no command is refused that is written as it should be");
      }
    }
    if (step.status == Status::kNeedMore || step.status == Status::kRefused) return;
    bytes.remove_prefix(step.used);
    parser.forget_arguments();
  }
}

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
  const auto bytes = encoded(words);
  RespParser parser(limits);
  const auto step = parser.parse(bytes);
  require(step.status == RespParser::Status::kCommand && step.used == bytes.size(), "a whole command is read");
  require(parser.arguments() == words, "its words are as they were written");
  check_against_hiredis(bytes, limits);
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
    const auto bytes = input.rest();
    const auto& limits = seed % 4 == 2 ? small : usual;
    check_bytes(bytes, seed, limits);
    check_against_hiredis(bytes, limits);
  }
  return 0;
}
