// Times commands in turns, from the spawn to the exit, output read as a terminal would read it:
// stopwatch ROUNDS -- COMMAND… -- COMMAND…      prints "<index of the command> <nanoseconds>" per run
#include "spawn.h"
#include <fcntl.h>

#define MOST_COMMANDS 16

static long long timed_run(char **argv) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) == -1) return -1;
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, ends[1], 1);
  pid_t pid;
  long long began = nanoseconds();
  int error = posix_spawnp(&pid, argv[0], &actions, NULL, argv, environ);
  close(ends[1]);
  if (error != 0) {
    fprintf(stderr, "stopwatch: %s: %s\n", argv[0], strerror(error));
    exit(1);
  }
  char sink[65536];
  while (read(ends[0], sink, sizeof sink) > 0) {}
  int status;
  waitpid(pid, &status, 0);
  long long took = nanoseconds() - began;
  close(ends[0]);
  posix_spawn_file_actions_destroy(&actions);
  if (status != 0) {
    fprintf(stderr, "stopwatch: %s failed (wait status %d)\n", argv[0], status);
    exit(1);
  }
  return took;
}

int main(int argc, char **argv) {
  char **commands[MOST_COMMANDS];
  int count = 0;
  for (int i = 2; i < argc; i++) {
    if (strcmp(argv[i], "--") != 0 || count == MOST_COMMANDS) continue;
    argv[i] = NULL;
    commands[count++] = argv + i + 1;
  }
  if (count == 0) return 2;
  for (int round = 0; round < atoi(argv[1]); round++) {
    for (int i = 0; i < count; i++) printf("%d %lld\n", i, timed_run(commands[i]));
  }
  return 0;
}
