/* Memory that runs out: the slots[0]-th allocation from the moment at which that was set gets none. Slot 1: how many got
   none; slot 2: how many there were since the process began. */
#define _GNU_SOURCE
#include <errno.h>

#include "slots.inc"

extern void* __libc_malloc(size_t size);

void* malloc(size_t size) {
  count(2);
  if (slots[0] > 0 && __atomic_sub_fetch(&slots[0], 1, __ATOMIC_RELAXED) == 0) {
    count(1);
    errno = ENOMEM;
    return NULL;
  }
  return __libc_malloc(size);
}
