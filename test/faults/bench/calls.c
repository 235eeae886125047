/* Calls that do less than they were asked, as they may: every slots[0]-th call that writes or reads is cut short, or is
   interrupted before it did anything. Slot 1: how many were cut short; slot 2: how many interrupted; slot 3: calls. */
#define _GNU_SOURCE
#include <errno.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "slots.inc"

#define REAL(name, type)     \
  static type real;          \
  if (!real) real = (type)dlsym(RTLD_NEXT, name)

static const size_t kBlock = 4096; /* A direct write keeps to whole blocks. */

/* How much of `size` to do; 0: be interrupted. */
static size_t some_of(size_t size) {
  const int64_t each = slots[0];
  const int64_t number = __atomic_fetch_add(&slots[3], 1, __ATOMIC_RELAXED);
  if (each == 0 || size == 0 || number % each != 0) return size;
  const size_t unit = size % kBlock == 0 ? kBlock : 1;
  if (number / each % 2 == 0 || size <= unit) {
    count(2);
    return 0;
  }
  count(1);
  return size / 2 / unit * unit > 0 ? size / 2 / unit * unit : unit;
}

#define SOME(size)       \
  some_of(size);         \
  if (some == 0 && size) \
    return errno = EINTR, -1

typedef ssize_t (*pwrite_type)(int, const void*, size_t, off_t);
typedef ssize_t (*pread_type)(int, void*, size_t, off_t);
typedef ssize_t (*write_type)(int, const void*, size_t);
typedef ssize_t (*read_type)(int, void*, size_t);
typedef ssize_t (*send_type)(int, const void*, size_t, int);
typedef ssize_t (*recv_type)(int, void*, size_t, int);

ssize_t pwrite(int file, const void* bytes, size_t size, off_t at) {
  REAL("pwrite", pwrite_type);
  const size_t some = SOME(size);
  return real(file, bytes, some, at);
}
ssize_t pwrite64(int file, const void* bytes, size_t size, off_t at) {
  REAL("pwrite64", pwrite_type);
  const size_t some = SOME(size);
  return real(file, bytes, some, at);
}
ssize_t pread(int file, void* bytes, size_t size, off_t at) {
  REAL("pread", pread_type);
  const size_t some = SOME(size);
  return real(file, bytes, some, at);
}
ssize_t pread64(int file, void* bytes, size_t size, off_t at) {
  REAL("pread64", pread_type);
  const size_t some = SOME(size);
  return real(file, bytes, some, at);
}
ssize_t write(int file, const void* bytes, size_t size) {
  REAL("write", write_type);
  if (size == 8) return real(file, bytes, size); /* The bell between threads: it is whole or not at all. */
  const size_t some = SOME(size);
  return real(file, bytes, some);
}
ssize_t read(int file, void* bytes, size_t size) {
  REAL("read", read_type);
  const size_t some = SOME(size);
  return real(file, bytes, some);
}
ssize_t send(int file, const void* bytes, size_t size, int flags) {
  REAL("send", send_type);
  const size_t some = SOME(size);
  return real(file, bytes, some, flags);
}
ssize_t recv(int file, void* bytes, size_t size, int flags) {
  REAL("recv", recv_type);
  const size_t some = SOME(size);
  return real(file, bytes, some, flags);
}
