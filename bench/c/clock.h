#include <time.h>

/** CLOCK_MONOTONIC, the clock of process.hrtime. */
static inline long long nanoseconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1000000000LL + now.tv_nsec;
}
