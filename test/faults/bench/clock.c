/* A wall clock that jumps while the process runs. Slot 0: nanoseconds added to it. Slot 1: how often it was asked with an
   offset. The monotonic clock is as it is. A wait until a moment of the wall clock lasts as long as it would have when it
   began; a real jump back would make it longer. */
#define _GNU_SOURCE
#include <pthread.h>
#include <sys/time.h>
#include <threads.h>
#include <time.h>

#include "slots.inc"

static int64_t offset(void) {
  const int64_t by = slots[0];
  if (by != 0) count(1);
  return by;
}

/* Moments of the monotonic clock, which some conditions wait for, are smaller: 15 years since the machine began. */
static const time_t kSinceBoot = 500000000;

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

int timespec_get(struct timespec* at, int base) {
  clock_gettime(CLOCK_REALTIME, at);
  return base;
}

/* When the clock as it is comes to a moment of the one that is shown. */
static struct timespec really(const struct timespec* until) {
  struct timespec at = *until;
  if (at.tv_sec > kSinceBoot) add(&at, -slots[0]);
  return at;
}

int pthread_cond_timedwait(pthread_cond_t* condition, pthread_mutex_t* mutex, const struct timespec* until) {
  static int (*real)(pthread_cond_t*, pthread_mutex_t*, const struct timespec*);
  /* The oldest version of it, which dlsym may find, takes another kind of condition. */
  if (!real) *(void**)&real = dlvsym(RTLD_NEXT, "pthread_cond_timedwait", "GLIBC_2.3.2");
  const struct timespec at = really(until);
  return real(condition, mutex, &at);
}

int pthread_cond_clockwait(pthread_cond_t* condition, pthread_mutex_t* mutex, clockid_t clock, const struct timespec* until) {
  static int (*real)(pthread_cond_t*, pthread_mutex_t*, clockid_t, const struct timespec*);
  if (!real) *(void**)&real = dlsym(RTLD_NEXT, "pthread_cond_clockwait");
  const struct timespec at = really(until);
  return real(condition, mutex, clock, &at);
}

int cnd_timedwait(cnd_t* condition, mtx_t* mutex, const struct timespec* until) {
  static int (*real)(cnd_t*, mtx_t*, const struct timespec*);
  if (!real) *(void**)&real = dlsym(RTLD_NEXT, "cnd_timedwait");
  const struct timespec at = really(until);
  return real(condition, mutex, &at);
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
