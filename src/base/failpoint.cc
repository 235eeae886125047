#include "base/failpoint.h"

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <charconv>
#include <chrono>
#include <deque>
#include <optional>
#include <string>
#include <thread>

#include "base/check.h"

namespace quipu {

#ifdef QUIPU_PLANTED_BUGS

namespace {

constexpr auto kFailpoints = std::to_array<Failpoint>({
    {"log.written", true, "a group is written and not synced yet"},
    {"log.synced", false, "a group is synced and nobody was told yet"},
    {"segment.filled", false, "a new segment is filled and synced under its first name"},
    {"segment.named", false, "a new segment has its name and the directory is not synced"},
    {"segment.removed", false, "an old segment is removed and the directory is not synced"},
    {"store.rows", true, "rows of a flush are about to go to the store: between two of its writes"},
    {"store.watermark", true, "all rows of a flush are in the store and its watermark is not"},
    {"store.marked", false, "rows and watermark are in the store's memory and not synced"},
    {"store.synced", false, "the store has synced a flush and nobody was told yet"},
    {"base.checkpoint", true, "a base has its checkpoint and not its windows of ids"},
    {"base.filled", false, "a base is whole and synced under its first name"},
    {"base.named", false, "a base has its name and older ones are not dropped"},
    {"recovery.stretch", false, "a start is about to apply the next stretch of the log"},
    {"worker.rows", false, "a worker is about to give rows of a flush to the store: between two of its writes"},
    {"worker.watermark", false, "the store has all rows of a worker's flush and its watermark is about to follow"},
    {"worker.hint", false, "the store has a worker's watermark and the group's offset is about to follow"},
    {"node.handing", true, "an API node is about to hand a frame to Kafka's client"},
    {"node.handed", false, "Kafka's client has a frame of an API node and may have sent it"},
    {"node.acknowledged", true, "Kafka has acknowledged a frame of an API node and nobody was told yet"},
});

enum class Action : std::uint8_t { kKill, kSleep, kError };

struct Armed {
  const Failpoint* point = nullptr;
  Action action = Action::kKill;
  std::chrono::milliseconds sleep{};
  std::uint64_t first = 1;
  bool onward = false;
  std::atomic<std::uint64_t> passes{0};
};

std::deque<Armed> armed;  // Constant once the threads run, but for the passes.

std::optional<std::uint64_t> number(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

Result<void> arm(std::string_view spec) {
  const auto refuse = [&](const std::string& why) {
    return failure(Code::kRefused, "failpoint '" + std::string(spec) + "': " + why);
  };
  const auto colon = spec.find(':');
  const auto second = colon == std::string_view::npos ? colon : spec.find(':', colon + 1);
  if (second == std::string_view::npos) return refuse("it is written as name:action:when");
  const auto name = spec.substr(0, colon);
  auto action = spec.substr(colon + 1, second - colon - 1);
  auto when = spec.substr(second + 1);
  const auto* const point = std::ranges::find(kFailpoints, name, &Failpoint::name);
  if (point == kFailpoints.end()) return refuse("there is no such place");
  Armed& arming = armed.emplace_back();
  arming.point = point;
  if (action == "error") {
    if (!point->fails) return refuse("nothing can fail there");
    arming.action = Action::kError;
  } else if (action.starts_with("sleep=")) {
    action.remove_prefix(6);
    const auto ms = number(action);
    if (!ms) return refuse("sleep wants milliseconds");
    arming.action = Action::kSleep;
    arming.sleep = std::chrono::milliseconds(*ms);
  } else if (action != "kill") {
    return refuse("the action is kill, sleep=MS or error");
  }
  arming.onward = when.ends_with('+');
  if (arming.onward) when.remove_suffix(1);
  const auto first = number(when);
  if (!first || *first == 0) return refuse("when is a pass from 1 on: N, or N+ for that one and all that follow");
  arming.first = *first;
  return {};
}

/// The words are there even where the process ends in the next moment.
void tell(const Armed& at, std::uint64_t pass) {
  constexpr std::array<std::string_view, 3> kActions{"kill", "sleep", "error"};
  const auto words = "failpoint " + std::string(at.point->name) + ": " +
                     std::string(kActions[static_cast<std::size_t>(at.action)]) + " at pass " + std::to_string(pass) +
                     "\n";
  if (::write(STDERR_FILENO, words.data(), words.size()) < 0) return;  // Nobody listens.
}

bool strike(std::string_view name) {
  bool fails = false;
  for (Armed& at : armed) {
    if (at.point->name != name) continue;
    const auto pass = at.passes.fetch_add(1) + 1;
    if (pass < at.first || (pass > at.first && !at.onward)) continue;
    tell(at, pass);
    if (at.action == Action::kKill) ::kill(::getpid(), SIGKILL);
    if (at.action == Action::kSleep) std::this_thread::sleep_for(at.sleep);
    fails |= at.action == Action::kError;
  }
  return fails;
}

}  // namespace

std::span<const Failpoint> failpoints() { return kFailpoints; }

Result<void> arm_failpoints(std::string_view spec) {
  QUIPU_CHECK(armed.empty());
  while (!spec.empty()) {
    const auto comma = std::min(spec.find(','), spec.size());
    if (auto done = arm(spec.substr(0, comma)); !done) {
      armed.clear();
      return done;
    }
    spec.remove_prefix(std::min(comma + 1, spec.size()));
  }
  return {};
}

void pass_failpoint(std::string_view name) {
  if (!armed.empty()) strike(name);
}

bool fails_at(std::string_view name) { return !armed.empty() && strike(name); }

#else

std::span<const Failpoint> failpoints() { return {}; }

Result<void> arm_failpoints(std::string_view spec) {
  if (spec.empty()) return {};
  return failure(Code::kRefused, "this build has no failpoints: QUIPU_FAIL is for tests, of a build with planted bugs");
}

#endif

}  // namespace quipu
