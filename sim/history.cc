#include "sim/history.h"

#include <algorithm>
#include <limits>
#include <utility>

namespace quipu::sim {

History::History(Trace& trace, std::vector<std::string> names, std::size_t ids_max) : trace_(trace), ids_max_(ids_max) {
  for (auto& name : names) counters_.push_back({std::move(name), {}, 0, 0, {}, {}});
}

History::EventNumber History::make(std::size_t counter, Mode mode, std::uint64_t sequence) {
  Event event;
  event.counter = counter;
  event.digit = counters_[counter].events.size();
  event.mode = mode;
  event.sequence = sequence;
  events_.push_back(std::move(event));
  counters_[counter].events.push_back(events_.size() - 1);
  return events_.size() - 1;
}

bool History::quiet(const Event& event) {
  return std::all_of(event.attempts.begin(), event.attempts.end(),
                     [](const Attempt& attempt) { return attempt.ended; });
}

bool History::under_way(EventNumber event) const { return !quiet(events_[event]); }

/// How many distinct ids may stand in the log behind one that was sent at that place.
std::size_t History::ids_since(std::size_t place, std::size_t ids_open) const {
  const auto others =
      std::ranges::count_if(ids_, [&](EventNumber event) { return events_[event].last_place >= place; });
  return static_cast<std::size_t>(others) + ids_open;
}

/// While a repeat is under way, others may pass it, until the window does not know its id any more.
void History::age(Event& event) {
  for (Attempt& attempt : event.attempts) {
    if (attempt.ended || !attempt.repeat || attempt.beyond_window) continue;
    if (ids_since(attempt.known_since, attempt.known_ids_open) < ids_max_) continue;
    attempt.may_count = attempt.beyond_window = true;
    ++event.most_ever;
  }
}

bool History::surely_known(EventNumber number) const {
  const Event& event = events_[number];
  const bool in_log = event.acknowledged || event.least_shown > 0;
  if (event.mode == Mode::kSource) return in_log;
  return in_log && !event.forgotten && ids_since(event.known_since, event.ids_open) < ids_max_;
}

bool History::renewal_due(EventNumber number) const {
  const Event& event = events_[number];
  return event.acknowledged && surely_known(number) && quiet(event) &&
         ids_since(event.known_since, event.ids_open) > ids_max_ / 3;
}

void History::new_log() {
  for (Event& event : events_) event.forgotten = event.mode == Mode::kId && event.sent > 0;
  for (Counter& counter : counters_) counter.position = kNoOffset;
}

void History::lose_all_but(std::size_t counter, std::int64_t value) {
  for (const auto number : counters_[counter].events) {
    Event& event = events_[number];
    const auto times = times_in(value, number);
    if (times > event.most_ever) {
      trace_.violation(text(event) + " is " + std::to_string(times) +
                       " times in the rows when the log is gone, at most " + std::to_string(event.most_ever));
    }
    settle(event, times);
    event.least_shown = 0;
  }
}

History::AttemptNumber History::begin(EventNumber number) {
  Event& event = events_[number];
  const Counter& counter = counters_[event.counter];
  Attempt attempt;
  attempt.begun_at = ++now_;
  attempt.resets_begun = counter.resets_begun;
  attempt.resets_open = counter.resets_open;
  event.reset_since |= counter.resets_open > 0;
  if (event.mode == Mode::kId) {
    attempt.may_count = !surely_known(number);
    attempt.repeat = event.sent > 0;
    attempt.known_since = event.known_since;
    attempt.known_ids_open = event.ids_open;
    attempt.beyond_window =
        attempt.repeat && (event.forgotten || ids_since(event.known_since, event.ids_open) >= ids_max_);
    attempt.place = places_++;
    attempt.ids_open = ids_open_;
    if (event.sent == 0) {
      event.known_since = attempt.place;
      event.ids_open = attempt.ids_open;
    }
    if (event.sent == 0) ids_.push_back(number);
    event.last_place = attempt.place;
    ++ids_open_;
  } else if (event.mode == Mode::kSource) {
    attempt.may_count = !surely_known(number);
  }
  if (attempt.may_count && (!once(event) || event.most_ever == 0 || attempt.beyond_window)) ++event.most_ever;
  ++event.sent;
  event.attempts.push_back(attempt);
  return event.first_attempt + event.attempts.size() - 1;
}

void History::one_with(EventNumber event, AttemptNumber attempt) {
  --events_[event].attempts[attempt - events_[event].first_attempt].resets_open;
}

void History::end(EventNumber number, AttemptNumber attempt_number, End end) {
  Event& event = events_[number];
  const Counter& counter = counters_[event.counter];
  age(event);
  Attempt& attempt = event.attempts[attempt_number - event.first_attempt];
  attempt.ended = true;
  ++now_;
  attempt.ended_at = end == End::kLate ? std::numeric_limits<std::uint64_t>::max() : now_;
  if (event.mode == Mode::kId) --ids_open_;
  if (end == End::kNothing) attempt.may_count = false;
  if (end != End::kDone) return;
  attempt.done = true;
  attempt.told = attempt.resets_open == 0 && counter.resets_open == 0 && counter.resets_begun == attempt.resets_begun &&
                 !(once(event) && event.reset_since);
  event.acknowledged = true;
  event.forgotten = false;
  if (event.mode != Mode::kId || attempt.place < event.known_since) return;
  // From when it was sent: what was sent later may stand behind it in the log, as may what was under way then.
  event.known_since = attempt.place;
  event.ids_open = attempt.ids_open;
}

void History::said_repeat(EventNumber number, AttemptNumber attempt_number, bool repeat) {
  Event& event = events_[number];
  age(event);
  const Attempt& attempt = event.attempts[attempt_number - event.first_attempt];
  if (!repeat && !attempt.may_count) trace_.violation(text(event) + " was counted before, but taken as new");
  if (repeat && event.sent == 1) trace_.violation(text(event) + " was never sent before, but taken for a repeat");
}

void History::check_ties() const {
  for (const auto& batch : ties_) {
    const Event* first = nullptr;
    for (const auto number : batch) {
      const Event& event = events_[number];
      if (event.sent != 1 || event.reset_since || !event.attempts.empty()) continue;
      if (first == nullptr) first = &event;
      if (event.least_before == first->least_before) continue;
      return trace_.violation("a batch is there in part: " + text(*first) + " is counted " +
                              std::to_string(first->least_before) + " times, " + text(event) + " " +
                              std::to_string(event.least_before) + " times");
    }
  }
}

History::Reset History::begin_reset(std::size_t number) {
  Counter& counter = counters_[number];
  ++counter.resets_begun;
  ++counter.resets_open;
  for (const auto event : counter.events) events_[event].reset_since |= events_[event].sent > 0;
  return {number, ++now_};
}

void History::end_reset(const Reset& reset, End end) {
  Counter& counter = counters_[reset.counter];
  --counter.resets_open;
  ++now_;
  if (end == End::kNothing) return;
  for (const auto number : counter.events) {
    Event& event = events_[number];
    event.least_before = event.least_shown = 0;
    bool before = end == End::kDone;
    for (Attempt& attempt : event.attempts) {
      if (!attempt.ended || attempt.ended_at > reset.begun_at) before = false;
      attempt.told = false;
    }
    if (before) settle(event, 0);
  }
}

/// All of its attempts are over, and it is counted so often.
void History::settle(Event& event, std::size_t times) {
  event.least_before = event.most_before = times;
  event.first_attempt += event.attempts.size();
  event.attempts.clear();
}

std::size_t History::least(const Event& event) {
  std::size_t done = 0;
  for (const Attempt& attempt : event.attempts) done += attempt.done && attempt.told ? 1 : 0;
  const auto told =
      once(event) ? std::max<std::size_t>(event.least_before, done > 0 ? 1 : 0) : event.least_before + done;
  return std::max(told, event.least_shown);
}

std::size_t History::most(const Event& event) {
  std::size_t may = 0;
  std::size_t beyond = 0;
  for (const Attempt& attempt : event.attempts) {
    if (!attempt.may_count) continue;
    ++may;
    beyond += attempt.beyond_window ? 1 : 0;
  }
  if (!once(event)) return event.most_before + may;
  return std::max<std::size_t>(event.most_before, may > beyond ? 1 : 0) + beyond;
}

History::Look History::look(std::size_t number) const {
  const Counter& counter = counters_[number];
  Look look;
  look.counter = number;
  look.resets_begun = counter.resets_begun;
  look.reset_open = counter.resets_open > 0;
  look.position = counter.position;
  look.epoch = counter.epoch;
  for (const auto event : counter.events) {
    look.least.push_back(least(events_[event]));
    look.attempts.push_back(events_[event].sent);
    look.quiet.push_back(quiet(events_[event]));
  }
  return look;
}

void History::shown(const Look& look, const Shown& shown) {
  Counter& counter = counters_[look.counter];
  const bool met_reset = look.reset_open || counter.resets_open > 0 || counter.resets_begun != look.resets_begun;
  for (const auto event : counter.events) age(events_[event]);
  compare(look, shown, met_reset, met_reset);
  if (shown.position) counter.position = std::max(counter.position, *shown.position);
  counter.epoch = std::max(counter.epoch, shown.epoch);
  if (met_reset || trace_.failed()) return;
  for (std::size_t i = 0; i < counter.events.size(); ++i) {
    Event& event = events_[counter.events[i]];
    const auto times = times_in(shown.value, counter.events[i]);
    event.least_shown = std::max(event.least_shown, times);
    const bool nothing_since = i < look.quiet.size() && look.quiet[i] && event.sent == look.attempts[i];
    if (nothing_since) settle(event, times);
  }
}

void History::shown_behind(const Look& look, const Shown& shown, Session* session) {
  const Counter& counter = counters_[look.counter];
  const bool met_reset = look.reset_open || counter.resets_open > 0 || counter.resets_begun != look.resets_begun;
  for (const auto event : counter.events) age(events_[event]);
  compare(look, shown, true, met_reset);
  if (session != nullptr && !trace_.failed()) go_on(*session, look, shown);
}

void History::go_on(Session& session, const Look& look, const Shown& shown) {
  const Counter& counter = counters_[look.counter];
  const auto [at, first] = session.try_emplace(look.counter, shown.epoch, shown.value);
  const auto [epoch, value] = std::exchange(at->second, {shown.epoch, shown.value});
  if (first || shown.epoch > epoch) return;
  const auto wrong = [&, value = value](const std::string& what) {
    trace_.violation("counter " + counter.name.substr(0, 20) + " was shown as " + std::to_string(shown.value) +
                     " to a client that had been shown " + std::to_string(value) + ": " + what);
  };
  if (shown.epoch < epoch) return wrong("its epoch went back");
  for (const auto event : counter.events) {
    if (times_in(shown.value, event) < times_in(value, event)) return wrong(text(events_[event]) + " is less in it");
  }
}

/// `any_before`: what is in it may be gone since. `any_least`: and may not be in it yet.
void History::compare(const Look& look, const Shown& shown, bool any_before, bool any_least) {
  const Counter& counter = counters_[look.counter];
  const auto wrong = [&](const std::string& what) {
    trace_.violation("counter " + counter.name.substr(0, 20) + " was shown as " + std::to_string(shown.value) + ": " +
                     what);
  };
  const auto known = std::int64_t{1} << (2 * counter.events.size());
  if (shown.value < 0 || (counter.events.size() <= kEventsMax && shown.value >= known)) {
    return wrong("there are events in it that nobody sent");
  }
  if (shown.exists != (shown.value > 0)) return wrong(shown.exists ? "it is empty and exists" : "it does not exist");
  if (shown.position && *shown.position < look.position) {
    return wrong("it is as of offset " + std::to_string(shown.position->value) + ", after one as of " +
                 std::to_string(look.position.value));
  }
  if (shown.epoch < look.epoch) return wrong("its epoch went back");
  for (std::size_t i = 0; i < counter.events.size(); ++i) {
    const Event& event = events_[counter.events[i]];
    const auto times = times_in(shown.value, counter.events[i]);
    const auto at_most = any_before ? event.most_ever : most(event);
    const auto at_least = any_least || i >= look.least.size() ? 0 : look.least[i];
    if (times > at_most) {
      return wrong(text(event) + " is in it " + std::to_string(times) + " times, at most " + std::to_string(at_most));
    }
    if (times < at_least) {
      return wrong(text(event) + " is in it " + std::to_string(times) + " times, at least " + std::to_string(at_least));
    }
  }
}

std::string History::text(const Event& event) const {
  static constexpr const char* kModes[] = {"plain event", "event with id", "event of source", "set event"};
  std::string out = std::string(kModes[static_cast<std::size_t>(event.mode)]) + " " + std::to_string(event.digit) +
                    " of " + counters_[event.counter].name.substr(0, 20);
  if (event.mode == Mode::kSource) out += " (sequence " + std::to_string(event.sequence) + ")";
  return out + ", sent " + std::to_string(event.sent) + (event.acknowledged ? " times and acknowledged" : " times");
}

}  // namespace quipu::sim
