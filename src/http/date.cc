#include "http/date.h"

#include <chrono>

namespace quipu {
namespace {

struct Moment {
  std::chrono::year_month_day date;
  unsigned weekday;
  std::chrono::hh_mm_ss<std::chrono::milliseconds> time;
};

Moment moment(TimeMs time) {
  using std::chrono::days;
  using std::chrono::floor;
  using std::chrono::milliseconds;
  const auto since = milliseconds(time);
  const auto day = floor<days>(since);
  const std::chrono::sys_days date{day};
  return {date, std::chrono::weekday(date).c_encoding(), std::chrono::hh_mm_ss<milliseconds>(since - day)};
}

void put(std::string& out, std::int64_t value, int digits) {
  std::int64_t unit = 1;
  for (int i = 1; i < digits; ++i) unit *= 10;
  for (; unit > 0; unit /= 10) out += static_cast<char>('0' + value / unit % 10);
}

}  // namespace

void append_http_date(std::string& out, TimeMs time) {
  static constexpr const char* kDays[] = {"Sun, ", "Mon, ", "Tue, ", "Wed, ", "Thu, ", "Fri, ", "Sat, "};
  static constexpr const char* kMonths[] = {" Jan ", " Feb ", " Mar ", " Apr ", " May ", " Jun ",
                                            " Jul ", " Aug ", " Sep ", " Oct ", " Nov ", " Dec "};
  const auto at = moment(time);
  out += kDays[at.weekday];
  put(out, unsigned{at.date.day()}, 2);
  out += kMonths[unsigned{at.date.month()} - 1];
  put(out, int{at.date.year()}, 4);
  out += ' ';
  put(out, at.time.hours().count(), 2);
  out += ':';
  put(out, at.time.minutes().count(), 2);
  out += ':';
  put(out, at.time.seconds().count(), 2);
  out += " GMT";
}

void append_rfc3339(std::string& out, TimeMs time) {
  const auto at = moment(time);
  put(out, int{at.date.year()}, 4);
  out += '-';
  put(out, unsigned{at.date.month()}, 2);
  out += '-';
  put(out, unsigned{at.date.day()}, 2);
  out += 'T';
  put(out, at.time.hours().count(), 2);
  out += ':';
  put(out, at.time.minutes().count(), 2);
  out += ':';
  put(out, at.time.seconds().count(), 2);
  out += '.';
  put(out, at.time.subseconds().count(), 3);
  out += 'Z';
}

}  // namespace quipu
