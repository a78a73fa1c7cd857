// A standby of next to no memory: says when it became main, then waits to be killed: standby FIFO TAG
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "clock.h"

static int fd_of(const char *variable) {
  const char *text = getenv(variable);
  return text == NULL ? -1 : atoi(text);
}

int main(int argc, char **argv) {
  if (argc != 3) return 2;
  const char *role = getenv("HOLDFAST_ROLE");
  if (write(fd_of("HOLDFAST_NOTIFY_FD"), "READY=1\n", 8) != 8) return 1;
  if (role != NULL && strcmp(role, "standby") == 0) {
    char line[4096];
    ssize_t length;
    do {
      length = read(fd_of("HOLDFAST_COMMAND_FD"), line, sizeof line - 1);
      if (length <= 0) return 1;
      line[length] = 0;
    } while (strstr(line, "\"promote\"") == NULL);
  }
  int64_t record[3] = {nanoseconds(), getpid(), atoll(argv[2])};
  int fd = open(argv[1], O_WRONLY);
  if (fd == -1 || write(fd, record, sizeof record) != sizeof record) return 1;
  close(fd);
  for (;;) pause();
}
