#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/identifiers.h"
#include "sim/trace.h"

namespace quipu::sim {

/// What clients asked of the shared counters and what they were told, and what follows from that alone: which values
/// may be shown. Knows nothing of partitions, frames, rows or of the order in which the service did things; only that
/// what was asked took effect, if at all, between the asking and the end of it.
///
/// Each event of a counter adds another power of four, so that a total shows of every event how often it was counted,
/// and none that is lost can hide one that is counted twice. For each event there is a least and a most number of
/// times:
///
///   asked            most + 1 (with an id or of a source: 1 in all, but for repeats that the window of ids may not
///   know) acknowledged     least + 1 (or at least 1) refused, busy    most - 1 shown            least is what was
///   shown; where nothing of it is under way, most too: a crash may not change it reset            where it was over
///   before the reset began: 0; where they met: from 0
class History {
 public:
  enum class Mode : std::uint8_t { kPlain, kId, kSource, kSet };
  enum class End : std::uint8_t {
    kDone,     ///< The client was told so.
    kNothing,  ///< The client was told that nothing was done.
    kUnknown,  ///< It is over; what came of it is not known.
    kLate,     ///< The client waits no longer; it may be counted yet, behind resets that begin later, too.
  };
  static constexpr std::size_t kEventsMax = 30;  ///< Of a counter.
  static constexpr std::size_t kTimesMax = 3;    ///< How often an event can be told to be counted.

  using EventNumber = std::size_t;
  using AttemptNumber = std::size_t;  ///< Of an event.

  /// `ids_max`: of how many distinct ids the service promises to know the last.
  History(Trace& trace, std::vector<std::string> names, std::size_t ids_max);

  std::size_t counters() const { return counters_.size(); }
  bool has_room(std::size_t counter) const { return counters_[counter].events.size() < kEventsMax; }

  /// All events of a counter, in the order of a Look.
  const std::vector<EventNumber>& events_of(std::size_t counter) const { return counters_[counter].events; }
  std::size_t sent(EventNumber event) const { return events_[event].sent; }

  EventNumber make(std::size_t counter, Mode mode, std::uint64_t sequence = 0);
  std::size_t events() const { return events_.size(); }
  std::size_t counter_of(EventNumber event) const { return events_[event].counter; }
  Mode mode_of(EventNumber event) const { return events_[event].mode; }
  std::uint64_t sequence_of(EventNumber event) const { return events_[event].sequence; }
  std::int64_t delta_of(EventNumber event) const { return std::int64_t{1} << (2 * events_[event].digit); }
  /// The client was told that it is counted.
  bool acknowledged(EventNumber event) const { return events_[event].acknowledged; }
  bool under_way(EventNumber event) const;
  /// Whether clients were told of it, and no reset since leaves that open: the total must show it.
  bool is_due(EventNumber event) const { return least(events_[event]) > 0; }
  /// Whether it can be sent once more and its counts still be told.
  bool may_repeat(EventNumber event) const { return most(events_[event]) < kTimesMax; }
  /// Whether the service must know the id: it was acknowledged, and few enough others came since.
  bool surely_known(EventNumber event) const;
  /// Whether it is sent again in good time before the service may forget its id.
  bool renewal_due(EventNumber event) const;
  /// The log was begun anew: ids are not known any more, and offsets begin anew.
  void new_log();
  /// The log is gone, and of what was acknowledged what the rows do not have, resets too: from now on each event of a
  /// counter is in its total as often as it is in `value`, which the rows have come to. Nothing is under way.
  void lose_all_but(std::size_t counter, std::int64_t value);

  AttemptNumber begin(EventNumber event);
  void end(EventNumber event, AttemptNumber attempt, End end);
  /// The service said whether the event was counted before.
  void said_repeat(EventNumber event, AttemptNumber attempt, bool repeat);
  /// The attempts of these that are under way are one batch, whose client will never be told of it.
  void tie(std::vector<EventNumber> batch) { ties_.push_back(std::move(batch)); }
  /// Nothing is under way, and every counter was shown: all of a batch must be counted, or nothing. Of what was sent
  /// again, or met a reset, nothing is known.
  void check_ties() const;

  struct Reset {
    std::size_t counter = 0;
    std::uint64_t begun_at = 0;
  };
  Reset begin_reset(std::size_t counter);
  /// A reset that is one with an event, as SET is: the attempt was begun after it, and is ended after it.
  void one_with(EventNumber event, AttemptNumber attempt);
  void end_reset(const Reset& reset, End end);

  /// What must be in an answer that is asked for now.
  struct Look {
    std::size_t counter = 0;
    std::uint64_t resets_begun = 0;
    bool reset_open = false;
    std::vector<std::size_t> least;
    std::vector<std::size_t> attempts;
    std::vector<bool> quiet;
    Offset position{};
    Epoch epoch{};
  };
  struct Shown {
    std::int64_t value = 0;
    bool exists = false;
    std::optional<Offset> position;  ///< The newest offset that the value includes.
    Epoch epoch{};
  };
  /// What one client was shown of each counter by its last read with positions: a later one shows a newer epoch, which
  /// is of a reset, or of each event as much at least.
  using Session = std::map<std::size_t, std::pair<Epoch, std::int64_t>>;
  Look look(std::size_t counter) const;
  /// An answer that no crash may take back any more.
  void shown(const Look& look, const Shown& shown);
  /// The same of a reader that may be behind: at least what `look` says, and of the rest any that ever was. `session`:
  /// of a client whose reads do not go back, each asked for when the one before was answered; or null.
  void shown_behind(const Look& look, const Shown& shown, Session* session);
  /// How often an event is in a value.
  std::size_t times_in(std::int64_t value, EventNumber event) const {
    return static_cast<std::size_t>(value >> (2 * events_[event].digit)) & 3;
  }

 private:
  struct Attempt {
    bool may_count = true;
    bool beyond_window = false;
    bool ended = false;
    bool done = false;
    bool told = true;  // No reset met it, so that `done` says something of the total.
    std::uint64_t begun_at = 0;
    std::uint64_t ended_at = 0;
    std::uint64_t resets_begun = 0;
    std::size_t resets_open = 0;
    // Of an id.
    std::size_t place = 0;     // In the order of sending.
    std::size_t ids_open = 0;  // Of other events when it began.
    bool repeat = false;
    std::size_t known_since = 0;  // As in Event, when it began.
    std::size_t known_ids_open = 0;
  };
  struct Event {
    std::size_t counter = 0;
    std::size_t digit = 0;
    Mode mode = Mode::kPlain;
    std::uint64_t sequence = 0;
    bool acknowledged = false;
    bool forgotten = false;    // Its id, with the old log.
    bool reset_since = false;  // It met a reset, or one came after it.
    std::size_t sent = 0;
    std::size_t most_ever = 0;
    std::size_t least_before = 0;  // Of attempts that are not in `attempts` any more.
    std::size_t most_before = 0;
    std::size_t least_shown = 0;
    std::size_t last_place = 0;   // Of an id: the place of its newest attempt.
    std::size_t known_since = 0;  // Of an id: the last place at which it is surely in the log, or may first be.
    std::size_t ids_open = 0;     // Of other events then.
    std::vector<Attempt> attempts;
    AttemptNumber first_attempt = 0;  // The number of attempts[0].
  };
  struct Counter {
    std::string name;
    std::vector<EventNumber> events;
    std::uint64_t resets_begun = 0;
    std::size_t resets_open = 0;
    Offset position{};
    Epoch epoch{};
  };

  static bool once(const Event& event) { return event.mode == Mode::kId || event.mode == Mode::kSource; }
  static std::size_t least(const Event& event);
  static std::size_t most(const Event& event);
  static bool quiet(const Event& event);
  std::size_t ids_since(std::size_t place, std::size_t ids_open) const;
  void age(Event& event);
  void settle(Event& event, std::size_t times);
  void compare(const Look& look, const Shown& shown, bool any_before, bool any_least);
  void go_on(Session& session, const Look& look, const Shown& shown);
  std::string text(const Event& event) const;

  Trace& trace_;
  std::size_t ids_max_;
  std::vector<Counter> counters_;
  std::vector<Event> events_;
  std::vector<EventNumber> ids_;  // Events with an id that were sent.
  std::vector<std::vector<EventNumber>> ties_;
  std::size_t places_ = 0;  // Counts the sending of ids.
  std::size_t ids_open_ = 0;
  std::uint64_t now_ = 0;  // Counts what happens.
};

}  // namespace quipu::sim
