/* A wall clock that jumps while the process runs. Slot 0: nanoseconds added to it. Slot 1: how often it was asked with an
   offset. The monotonic clock is as it is. */
#define _GNU_SOURCE
#include <sys/time.h>
#include <time.h>

#include "slots.inc"

static int64_t offset(void) {
  const int64_t by = slots[0];
  if (by != 0) count(1);
  return by;
}

static void add(struct timespec* at, int64_t by) {
  int64_t ns = at->tv_nsec + by % 1000000000;
  int64_t s = at->tv_sec + by / 1000000000;
  if (ns < 0) ns += 1000000000, s -= 1;
  if (ns >= 1000000000) ns -= 1000000000, s += 1;
  at->tv_sec = s;
  at->tv_nsec = ns;
}

int clock_gettime(clockid_t clock, struct timespec* at) {
  static int (*real)(clockid_t, struct timespec*);
  if (!real) real = (int (*)(clockid_t, struct timespec*))dlsym(RTLD_NEXT, "clock_gettime");
  const int answer = real(clock, at);
  if (answer == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) add(at, offset());
  return answer;
}

int gettimeofday(struct timeval* at, void* zone) {
  (void)zone;
  struct timespec now;
  const int answer = clock_gettime(CLOCK_REALTIME, &now);
  at->tv_sec = now.tv_sec;
  at->tv_usec = now.tv_nsec / 1000;
  return answer;
}

time_t time(time_t* at) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  if (at) *at = now.tv_sec;
  return now.tv_sec;
}
