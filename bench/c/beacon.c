// Says when it came to life, then waits to be killed: beacon FIFO TAG
// The record is one atomic write, so that many beacons can share a FIFO.
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

int main(int argc, char **argv) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  if (argc != 3) return 2;
  int fd = open(argv[1], O_WRONLY);
  int64_t record[3] = {now.tv_sec * 1000000000LL + now.tv_nsec, getpid(), atoll(argv[2])};
  if (fd == -1 || write(fd, record, sizeof record) != sizeof record) return 1;
  close(fd);
  for (;;) pause();
}
