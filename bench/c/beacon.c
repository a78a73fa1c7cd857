// Says when it came to life, then waits to be killed: beacon FIFO TAG
// The record is one atomic write, so that many beacons can share a FIFO.
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>
#include "clock.h"

int main(int argc, char **argv) {
  long long born = nanoseconds();
  if (argc != 3) return 2;
  int fd = open(argv[1], O_WRONLY);
  int64_t record[3] = {born, getpid(), atoll(argv[2])};
  if (fd == -1 || write(fd, record, sizeof record) != sizeof record) return 1;
  close(fd);
  for (;;) pause();
}
