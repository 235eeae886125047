/* Memory that runs out: the slots[0]-th allocation from the moment at which that was set gets none; with slots[3], of those
   that RocksDB asks of libc itself. Slot 1: how many got none; slot 2: how many there were since the process began; slot 4:
   how many that got none were RocksDB's own. */
#define _GNU_SOURCE
#include <errno.h>
#include <string.h>

#include "slots.inc"

extern void* __libc_malloc(size_t size);

/* Whether what asks is RocksDB, and not `new` on its behalf. */
static int of_rocksdb(void* caller) {
  Dl_info asks;
  return dladdr(caller, &asks) != 0 && asks.dli_fname != NULL && strstr(asks.dli_fname, "librocksdb") != NULL;
}

void* malloc(size_t size) {
  void* caller = __builtin_return_address(0);
  count(2);
  const int counts = slots[0] > 0 && (slots[3] == 0 || of_rocksdb(caller));
  if (counts && __atomic_sub_fetch(&slots[0], 1, __ATOMIC_RELAXED) == 0) {
    count(1);
    if (of_rocksdb(caller)) count(4);
    errno = ENOMEM;
    return NULL;
  }
  return __libc_malloc(size);
}
