#include "sim/runner.h"

#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <new>
#include <span>
#include <thread>

#include "base/check.h"
#include "base/planted.h"
#include "sim/forms.h"

namespace quipu::sim {
namespace {

constexpr std::size_t kJobsMax = 64;
constexpr std::size_t kMarksMax = 64;
constexpr std::size_t kBugsMax = 128;
constexpr std::size_t kTextMax = 1'000;
/// A run takes some 30 milliseconds.
constexpr unsigned kSeedSecondsMax = 60;
constexpr std::uint64_t kNoSeed = UINT64_MAX;

/// What a process of runs tells the one that began it, in memory that both see.
struct Slot {
  std::atomic<std::uint64_t> running{kNoSeed};
  std::atomic<std::uint64_t> seeds{0};
  std::array<std::atomic<std::uint64_t>, kForms> seeds_of{};
  std::atomic<std::uint64_t> events{0};
  std::atomic<std::uint64_t> ms{0};
  std::atomic<std::uint64_t> faults_all{0};
  std::atomic<std::uint64_t> events_fewest{UINT64_MAX};
  std::atomic<std::uint64_t> faults_fewest{UINT64_MAX};
  std::array<std::atomic<std::uint64_t>, kFaults> faults{};
  std::array<std::atomic<std::uint64_t>, kMarksMax> marks{};
  std::array<std::array<std::atomic<bool>, kBugsMax>, kForms> passed{};
  std::uint64_t failed_seed = kNoSeed;
  std::uint64_t failed_steps = 0;
  std::array<char, kTextMax> text{};
};

struct Board {
  std::atomic<std::uint64_t> next{0};
  std::atomic<std::uint64_t> stop_at{kNoSeed};
  std::array<Slot, kJobsMax> slots;
};

/// The board, in pages that children share.
class SharedBoard {
 public:
  SharedBoard() {
    void* memory = ::mmap(nullptr, sizeof(Board), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    QUIPU_CHECK(memory != MAP_FAILED);
    board_ = new (memory) Board;
  }
  ~SharedBoard() { ::munmap(board_, sizeof(Board)); }
  SharedBoard(const SharedBoard&) = delete;
  SharedBoard& operator=(const SharedBoard&) = delete;
  Board* operator->() { return board_; }

 private:
  Board* board_;
};

void put_text(Slot& slot, const std::string& text) {
  const auto size = std::min(text.size(), kTextMax - 1);
  std::memcpy(slot.text.data(), text.data(), size);
  slot.text[size] = '\0';
}

void lower(std::atomic<std::uint64_t>& value, std::uint64_t to) {
  auto known = value.load();
  while (to < known && !value.compare_exchange_weak(known, to)) {
  }
}

void add(Slot& slot, Form form, const Report& report) {
  slot.seeds += 1;
  slot.seeds_of[static_cast<std::size_t>(form)] += 1;
  slot.events += report.events;
  slot.ms += static_cast<std::uint64_t>(report.ms);
  slot.faults_all += report.faults_all;
  lower(slot.events_fewest, report.events);
  lower(slot.faults_fewest, report.faults_all);
  for (std::size_t i = 0; i < kFaults; ++i) slot.faults[i] += report.faults[i];
  const auto counts = mark_counts();
  QUIPU_CHECK(counts.size() <= kMarksMax);
  for (std::size_t i = 0; i < counts.size(); ++i) slot.marks[i] = counts[i];
  const auto passed = take_passed();
  QUIPU_CHECK(passed.size() <= kBugsMax);
  for (std::size_t i = 0; i < passed.size(); ++i) {
    if (passed[i]) slot.passed[static_cast<std::size_t>(form)][i] = true;
  }
}

/// The life of a process of runs.
void run_seeds(Board& board, Slot& slot, const RunSpan& span) {
  plant(span.bug);
  while (!interrupted) {
    const auto seed = board.next++;
    if (seed > span.last || seed >= board.stop_at) return;
    slot.running = seed;
    ::alarm(kSeedSecondsMax);
    const auto report = run_seed(seed, span.form, kWhole, nullptr, span.faults_min);
    ::alarm(0);
    add(slot, form_of(seed, span.form), report);
    slot.running = kNoSeed;
    if (report.violation.empty()) continue;
    put_text(slot, report.violation);
    slot.failed_seed = seed;
    slot.failed_steps = report.steps;
    lower(board.stop_at, seed);
    return;
  }
}

/// What a child wrote to its standard error, which goes to a file of its own.
std::string text_of(std::FILE* file) {
  std::array<char, kTextMax> text{};
  QUIPU_CHECK(std::fseek(file, 0, SEEK_SET) == 0);
  const auto size = std::fread(text.data(), 1, text.size() - 1, file);
  std::string out(text.data(), size);
  while (!out.empty() && (out.back() == '\n' || out.back() == ' ')) out.pop_back();
  return out.substr(out.rfind('\n') == std::string::npos ? 0 : out.rfind('\n') + 1);
}

std::string end_of(int status, std::FILE* errors) {
  if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM) {
    return "the run did not come to its end within " + std::to_string(kSeedSecondsMax) + " seconds";
  }
  const auto text = text_of(errors);
  const auto how = WIFSIGNALED(status) ? "signal " + std::to_string(WTERMSIG(status))
                                       : "exit code " + std::to_string(WEXITSTATUS(status));
  return text.empty() ? "by " + how : text;
}

Sum sum_of(std::span<const Slot> slots) {
  Sum sum;
  sum.marks.resize(mark_names().size());
  for (auto& passed : sum.passed) passed.resize(planted_bugs().size());
  for (const Slot& slot : slots) {
    sum.seeds += slot.seeds;
    for (std::size_t i = 0; i < kForms; ++i) sum.seeds_of[i] += slot.seeds_of[i];
    sum.events += slot.events;
    sum.ms += slot.ms;
    sum.faults_all += slot.faults_all;
    sum.events_fewest = std::min<std::uint64_t>(sum.events_fewest, slot.events_fewest);
    sum.faults_fewest = std::min<std::uint64_t>(sum.faults_fewest, slot.faults_fewest);
    for (std::size_t i = 0; i < kFaults; ++i) sum.faults[i] += slot.faults[i];
    for (std::size_t i = 0; i < sum.marks.size(); ++i) sum.marks[i] += slot.marks[i];
    for (std::size_t form = 0; form < kForms; ++form) {
      for (std::size_t i = 0; i < sum.passed[form].size(); ++i) {
        if (slot.passed[form][i]) sum.passed[form][i] = true;
      }
    }
  }
  return sum;
}

struct Child {
  pid_t pid = 0;
  std::FILE* errors = nullptr;
};

/// A process of its own that calls `life` and ends.
Child begin_child(const std::function<void()>& life) {
  Child child;
  child.errors = std::tmpfile();
  QUIPU_CHECK(child.errors != nullptr);
  std::fflush(nullptr);
  child.pid = ::fork();
  QUIPU_CHECK(child.pid >= 0);
  if (child.pid > 0) return child;
  ::dup2(::fileno(child.errors), STDERR_FILENO);
  life();
  std::fflush(nullptr);
  ::_exit(0);
}

int end_child(const Child& child) {
  int status = 0;
  while (::waitpid(child.pid, &status, 0) < 0 && errno == EINTR) {
  }
  return status;
}

bool sound(int status) { return WIFEXITED(status) && WEXITSTATUS(status) == 0; }

}  // namespace

volatile bool interrupted = false;

std::optional<Failure> run_span(const RunSpan& span, Sum& sum, const std::function<void(const Sum&)>& progress) {
  SharedBoard board;
  board->next = span.first;
  const auto jobs = std::clamp<std::size_t>(span.jobs, 1, kJobsMax);
  std::vector<Child> children;
  for (std::size_t i = 0; i < jobs; ++i) {
    children.push_back(begin_child([&] { run_seeds(*board.operator->(), board->slots[i], span); }));
  }
  const auto slots = std::span<const Slot>(board->slots).first(jobs);
  const auto began = std::chrono::steady_clock::now();
  std::vector<Failure> failures;
  std::size_t left = jobs;
  std::vector<bool> over(jobs, false);
  for (int turn = 0; left > 0; ++turn) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
    const auto seconds =
        std::chrono::duration_cast<std::chrono::seconds>(std::chrono::steady_clock::now() - began).count();
    if (seconds >= span.seconds_max || interrupted) lower(board->stop_at, 0);
    if (turn % 100 == 0) progress(sum_of(slots));
    for (std::size_t i = 0; i < jobs; ++i) {
      int status = 0;
      if (over[i] || ::waitpid(children[i].pid, &status, WNOHANG) != children[i].pid) continue;
      over[i] = true;
      --left;
      if (!sound(status)) {
        const std::uint64_t seed = slots[i].running;
        if (!interrupted) failures.push_back({seed, 0, end_of(status, children[i].errors), false});
        lower(board->stop_at, seed);
      } else if (slots[i].failed_seed != kNoSeed) {
        failures.push_back({slots[i].failed_seed, slots[i].failed_steps, slots[i].text.data(), true});
      }
      std::fclose(children[i].errors);
    }
  }
  sum = sum_of(slots);
  if (failures.empty()) return std::nullopt;
  return *std::ranges::min_element(failures, {}, &Failure::seed);
}

namespace {

/// Runs a prefix of a seed's steps in a process of its own. Answers whether it fails.
bool fails(std::uint64_t seed, std::uint64_t steps, const RunSpan& span, std::FILE* out) {
  const auto child = begin_child([&] {
    plant(span.bug);
    ::alarm(kSeedSecondsMax);
    const auto report = run_seed(seed, span.form, steps, out, span.faults_min);
    if (!report.violation.empty()) ::_exit(1);
  });
  const auto status = end_child(child);
  if (out != nullptr && !sound(status) && !(WIFEXITED(status) && WEXITSTATUS(status) == 1)) {
    std::fprintf(out, "the process ended: %s\n", end_of(status, child.errors).c_str());
    std::fflush(out);
  }
  std::fclose(child.errors);
  return !sound(status);
}

}  // namespace

std::uint64_t shortest_prefix(const Failure& failure, const RunSpan& span) {
  auto high = failure.steps;
  if (high == 0) {
    // The process ended at a step that nobody can tell: doubling finds one above it.
    for (high = 64; high < (std::uint64_t{1} << 17) && !fails(failure.seed, high, span, nullptr); high *= 2) {
    }
  }
  if (!fails(failure.seed, high, span, nullptr)) return fails(failure.seed, kWhole, span, nullptr) ? kWhole : 0;
  std::uint64_t low = 0;
  while (low + 1 < high) {
    const auto middle = low + (high - low) / 2;
    auto& bound = fails(failure.seed, middle, span, nullptr) ? high : low;
    bound = middle;
  }
  return high;
}

std::vector<std::string> last_lines(std::uint64_t seed, std::uint64_t steps, const RunSpan& span, std::size_t lines) {
  std::FILE* file = std::tmpfile();
  QUIPU_CHECK(file != nullptr);
  fails(seed, steps, span, file);
  QUIPU_CHECK(std::fseek(file, 0, SEEK_SET) == 0);
  std::vector<std::string> out;
  std::array<char, 4'096> line{};
  while (std::fgets(line.data(), line.size(), file) != nullptr) {
    out.emplace_back(line.data());
    if (!out.back().empty() && out.back().back() == '\n') out.back().pop_back();
  }
  std::fclose(file);
  if (out.size() > lines) out.erase(out.begin(), out.end() - static_cast<std::ptrdiff_t>(lines));
  return out;
}

}  // namespace quipu::sim
